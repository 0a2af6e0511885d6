using AkkaCharging.DeadLetters;
using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Lifetime;

/// <summary>
/// Opens the journal before the listener, and stops the service without loss: reports not ready, waits for load
/// balancers to notice, rejects new requests, drains, closes the journal.
/// </summary>
/// <remarks>
/// The whole stop happens in <see cref="StoppingAsync"/>, which runs while Kestrel still answers: callers get 503
/// <c>shutting_down</c> instead of a refused connection. The host's own services then close the listener, and the actor
/// system after it. A cluster node hands its lanes over instead of draining, and leaves the cluster.
/// </remarks>
internal sealed partial class ChargingLifetime(
    ServerSettings settings,
    Readiness readiness,
    ChargingService service,
    ILaneOwner lanes,
    DeadLetterOperations deadLetters,
    IRequestJournal journal,
    TimeProvider time,
    IHostApplicationLifetime host,
    ILogger<ChargingLifetime> logger
) : IHostedLifecycleService
{
    /// <summary>
    /// Returns the time that the host grants for stopping: delay, grace period and a reserve for its own services.
    /// </summary>
    public static TimeSpan Bound(ServerSettings settings) =>
        settings.ShutdownDelay + settings.ShutdownGrace + TimeSpan.FromSeconds(15);

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        await journal.StartAsync(cancellationToken);
        if (journal.Status.Problem is { } problem)
            LogJournalAway(problem);
        _ = StopWhenInvalidAsync();
    }

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        readiness.Opened();
        return Task.CompletedTask;
    }

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        if (readiness.IsDraining)
            return; // Already stopped: a host that is stopped twice drains only once.
        var wasOpen = readiness.IsOpen;
        readiness.Closed();
        LogStopping(
            service.Status.Pending,
            settings.ShutdownDelay.TotalMilliseconds,
            settings.ShutdownGrace.TotalMilliseconds
        );
        if (wasOpen && settings.ShutdownDelay > TimeSpan.Zero)
            await Task.Delay(settings.ShutdownDelay, time, CancellationToken.None);

        var startedAt = time.GetTimestamp();
        service.Questions.Close();
        // Both wait for the journal, which a disk that hangs may never let answer. What it keeps is resumed.
        await WithinGraceAsync(service.Intake.CloseAsync());
        await WithinGraceAsync(deadLetters.StopAsync());
        Log(await lanes.StopAsync(GraceLeft()));
        await journal.DisposeAsync();

        TimeSpan GraceLeft() =>
            settings.ShutdownGrace - time.GetElapsedTime(startedAt) is var left && left > TimeSpan.Zero
                ? left
                : TimeSpan.Zero;

        async Task WithinGraceAsync(Task task)
        {
            try
            {
                await task.WaitAsync(GraceLeft(), time, CancellationToken.None);
            }
            catch (TimeoutException)
            {
                // As after a crash.
            }
        }
    }

    private void Log(LaneStop stop)
    {
        switch (stop)
        {
            case LaneStop.HandedOver:
                LogHandedOver();
                break;
            case LaneStop.Removed removed:
                LogRemoved(removed.Reason);
                break;
            case LaneStop.Drained when !journal.Status.WasOpen:
                LogNeverOpen(journal.Status.Problem);
                break;
            case LaneStop.Drained { Left: 0 }:
                LogDrained();
                break;
            case LaneStop.Drained { Left: var left }
                when string.Equals(journal.Status.Kind, "memory", StringComparison.Ordinal):
                LogLost(left);
                break;
            case LaneStop.Drained { Left: var left }:
                LogLeft(left);
                break;
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>
    /// Stops the service when the journal, which was unavailable during the start, turns out to be unusable.
    /// </summary>
    private async Task StopWhenInvalidAsync()
    {
        var invalid = await journal.Invalid;
        LogInvalid(invalid.Message);
        host.StopApplication();
    }

    [LoggerMessage(
        1105,
        LogLevel.Warning,
        "The journal is not available; submissions are rejected until it is: {Problem}"
    )]
    private partial void LogJournalAway(string problem);

    [LoggerMessage(1106, LogLevel.Critical, "The journal cannot be used, shutting down: {Problem}")]
    private partial void LogInvalid(string problem);

    [LoggerMessage(
        1101,
        LogLevel.Information,
        "Shutting down with {Pending} pending requests: not ready now, no new requests after {DelayMillis} ms, then a "
            + "grace period of up to {GraceMillis} ms"
    )]
    private partial void LogStopping(long pending, double delayMillis, double graceMillis);

    [LoggerMessage(1102, LogLevel.Information, "Drained: every accepted request is settled")]
    private partial void LogDrained();

    [LoggerMessage(
        1107,
        LogLevel.Information,
        "Stopped before the journal was open; nothing was accepted or resumed: {Problem}"
    )]
    private partial void LogNeverOpen(string? problem);

    [LoggerMessage(
        1108,
        LogLevel.Information,
        "Left the cluster; whichever nodes have the lanes of this node next resume their pending requests"
    )]
    private partial void LogHandedOver();

    [LoggerMessage(
        1109,
        LogLevel.Error,
        "No longer a node of the cluster, shutting down: {Reason:l}. Other nodes resume its pending requests"
    )]
    private partial void LogRemoved(string reason);

    [LoggerMessage(
        1103,
        LogLevel.Error,
        "Shutdown grace period ended: {Left} accepted requests are lost, because journal.kind is memory"
    )]
    private partial void LogLost(long left);

    [LoggerMessage(
        1104,
        LogLevel.Warning,
        "Stopped: {Left} accepted requests remain in the journal and resume at the next start"
    )]
    private partial void LogLeft(long left);
}

/// <summary>Registers the start and the stop of the service.</summary>
internal static class LifetimeHosting
{
    public static void AddChargingLifetime(this IServiceCollection services) =>
        services.AddSingleton<Readiness>().AddHostedService<ChargingLifetime>();
}

/// <summary>The readiness of this process for load balancers.</summary>
internal sealed class Readiness
{
    private volatile bool _isOpen;
    private volatile bool _isDraining;

    /// <summary>Whether the service is started and not draining.</summary>
    public bool IsOpen => _isOpen;

    /// <summary>Whether the service is stopping, and finishing pending requests.</summary>
    public bool IsDraining => _isDraining;

    /// <summary>Reports that the listener is open.</summary>
    public void Opened() => _isOpen = true;

    /// <summary>Reports that the service is about to stop.</summary>
    public void Closed() => (_isOpen, _isDraining) = (false, true);
}
