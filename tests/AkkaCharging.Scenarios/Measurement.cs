using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>
/// Whether scenarios assert the time limits of a quiet machine. <c>bench/failover.sh</c> sets it; on a busy machine a
/// scenario asserts only what must hold on any machine.
/// </summary>
internal static class Measurement
{
    /// <summary>Whether this run measures.</summary>
    public static bool IsOn { get; } = Environment.GetEnvironmentVariable("AKKACHARGING_MEASURE") == "true";

    /// <summary>The bound of a run that measures; <see cref="Eventually.Patience"/> for any other.</summary>
    public static TimeSpan Within(TimeSpan bound) => IsOn ? bound : Eventually.Patience;
}

/// <summary>
/// Collection of tests that measure times: each runs while no other test of its process runs. <c>./test.sh</c> starts
/// one process for each of their groups (the trait <c>QuietGroup</c>) when all other tests have ended.
/// </summary>
[CollectionDefinition(nameof(RunsAlone), DisableParallelization = true)]
public sealed class RunsAlone;
