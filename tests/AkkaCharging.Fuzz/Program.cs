// Feeds one target with what AFL++ makes up: AkkaCharging.Fuzz TARGET, started by tests/fuzz.sh.
using AkkaCharging.Testing.Fuzzing;
using SharpFuzz;

var name = args[0];
Fuzzer.OutOfProcess.Run(stream =>
{
    using var input = new MemoryStream();
    stream.CopyTo(input);
    // Looked up here, because instrumented code has nowhere to count before the fuzzer runs.
    FuzzTargets.All[name](input.GetBuffer().AsSpan(0, (int)input.Length));
});
