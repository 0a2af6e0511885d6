using System.Globalization;

namespace AkkaCharging.ReceiverProcesses;

/// <summary>Runs a <see cref="ReceiverServer"/> until it is ended.</summary>
public static class ReceiverProgram
{
    /// <param name="args">The port to listen on, 0 for a free one, and the number of listeners. Their URLs are the
    /// first line of the output.</param>
    public static async Task Main(string[] args)
    {
        var port = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 0;
        var listeners = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 1;
        await using var server = await ReceiverServer.StartAsync(port, listeners);
        Console.WriteLine(string.Join(' ', server.Addresses));
        await server.WaitForShutdownAsync();
    }
}
