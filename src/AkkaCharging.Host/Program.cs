using AkkaCharging.Host;

// The console's own writer hands over 256 bytes at a time: two or three calls of the system for each line of log.
const int BytesAtATime = 131_072;
await using var output = new StreamWriter(Console.OpenStandardOutput(), bufferSize: BytesAtATime) { AutoFlush = true };
Console.SetOut(output); // which synchronizes it

return await CommandLine.RunAsync(args, Console.In, Console.Out, Console.Error);
