using AkkaCharging.Host.Cli;
using AkkaCharging.Host.Lifetime;

namespace AkkaCharging.Host;

/// <summary>The executable as a library: another program can run the whole service with its own authorizer.</summary>
/// <example>
/// <code>
/// return await ChargingApp.RunAsync(args, services => services.AddSingleton&lt;IAuthorizer, MyAuthorizer&gt;());
/// </code>
/// </example>
public static class ChargingApp
{
    // Large, because the console's own writer writes 256 bytes at a time: two or three system calls for each log line.
    private const int OutputBufferBytes = 131_072;

    /// <summary>
    /// Runs the command that <paramref name="args"/> name, as <c>AkkaCharging.Host</c> does; without one it serves
    /// until it is stopped.
    /// </summary>
    /// <param name="args">The command line: <c>--help</c> lists it.</param>
    /// <param name="configure">Registers services, such as an <see cref="Authorization.IAuthorizer"/> as a singleton,
    /// which is used with <c>authorization.provider = custom</c>. <see cref="TimeProvider"/> and logging are registered
    /// already.</param>
    /// <returns>The exit code: 0 for success.</returns>
    public static async Task<int> RunAsync(string[] args, Action<IServiceCollection>? configure = null)
    {
        using var signals = new ProcessSignals();
        // Never disposed: each write is flushed, and disposing would wait for a reader that hangs.
        var output = new StreamWriter(Console.OpenStandardOutput(), bufferSize: OutputBufferBytes) { AutoFlush = true };
        Console.SetOut(output); // which synchronizes it
        Console.SetError(StandardError.Open());
        return await CommandLine.RunAsync(
            args,
            Console.In,
            TerminalWriter.Of(Console.Out, Console.IsOutputRedirected),
            TerminalWriter.Of(Console.Error, Console.IsErrorRedirected),
            configure,
            signals
        );
    }
}
