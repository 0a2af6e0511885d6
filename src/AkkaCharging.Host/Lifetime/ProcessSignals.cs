using System.Runtime.InteropServices;

namespace AkkaCharging.Host.Lifetime;

/// <summary>Handles the signals of this process from its first line of code.</summary>
/// <remarks>
/// The host handles signals only after its start, and does not handle SIGHUP: before that, and on SIGHUP at any time,
/// the process would end at once, without a drain.
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

    /// <summary>Raised on SIGHUP, on a pool thread: watched files are to be read again.</summary>
    public event EventHandler? ReloadRequested;

    /// <summary>Cancelled by SIGTERM, SIGINT or SIGQUIT.</summary>
    public CancellationToken Stop => _stop.Token;

    /// <summary>Returns the signals to the runtime, which ends the process on the next one.</summary>
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
            // The signal arrived while the handlers were being removed: the process is about to end, or runs another
            // command.
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
