using System.Runtime.InteropServices;

namespace AkkaCharging.Host.Lifetime;

/// <summary>The signals of this process, from the first line of the program on.</summary>
/// <remarks>
/// The host listens to signals only once it starts, and knows no SIGHUP: until then, and by SIGHUP at any time, the
/// process would end at once, without a drain.
/// </remarks>
internal sealed class ProcessSignals : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration[] _registrations;

    public ProcessSignals() =>
        _registrations = [
            On(PosixSignal.SIGTERM, RequestStop),
            On(PosixSignal.SIGINT, RequestStop),
            On(PosixSignal.SIGQUIT, RequestStop),
            On(PosixSignal.SIGHUP, () => ReloadRequested?.Invoke(this, EventArgs.Empty)),
        ];

    /// <summary>SIGHUP arrived: files that are watched are to be read again. Raised on a thread of the pool.</summary>
    public event EventHandler? ReloadRequested;

    /// <summary>Cancelled by SIGTERM, SIGINT or SIGQUIT.</summary>
    public CancellationToken Stop => _stop.Token;

    /// <summary>Gives the signals back to the runtime, which ends the process by the next one.</summary>
    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
        _stop.Dispose();
    }

    private void RequestStop()
    {
        try
        {
            _stop.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // Delivered while the signals were given back: the process is about to end, or runs another command.
        }
    }

    private static PosixSignalRegistration On(PosixSignal signal, Action act) =>
        PosixSignalRegistration.Create(
            signal,
            context =>
            {
                context.Cancel = true;
                act();
            }
        );
}
