using System.Globalization;

namespace AkkaCharging.Testing;

/// <summary>A callback receiver in a process of its own.</summary>
internal sealed class ReceiverProcess : RecordingReceiver
{
    private readonly ChildProcess _process;

    private ReceiverProcess(ChildProcess process, IReadOnlyList<string> addresses)
        : base(process, addresses) => _process = process;

    public static async Task<ReceiverProcess> StartAsync(int port = 0, int listeners = 1)
    {
        var executable = Path.Combine(AppContext.BaseDirectory, "AkkaCharging.Receiver.dll");
        var process = ChildProcess.Start(
            [executable, port.ToString(CultureInfo.InvariantCulture), listeners.ToString(CultureInfo.InvariantCulture)],
            AppContext.BaseDirectory
        );
        try
        {
            await Eventually.HoldsAsync(() => process.Output.Count > 0 || process.HasExited, "the receiver listens");
            return process.Output.FirstOrDefault() is { } addresses
                ? new ReceiverProcess(process, addresses.Split(' '))
                : throw new InvalidOperationException($"The receiver did not start:\n{process.Everything}");
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Has it stand still until <see cref="Resume"/>.</summary>
    public void Suspend() => _process.Suspend();

    public void Resume() => _process.Resume();
}
