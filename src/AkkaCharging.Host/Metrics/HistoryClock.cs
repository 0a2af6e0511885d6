using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;

namespace AkkaCharging.Host.Metrics;

/// <summary>Ends the intervals of <see cref="LastHour"/>: one event a minute, which waits for nothing.</summary>
internal sealed class HistoryClock(IMetricsSink metrics, ChargingService service, TimeProvider time)
    : IHostedService,
        IDisposable
{
    private ITimer? _timer;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _timer = time.CreateTimer(
            _ => metrics.Tell(new MinuteEnded(service.Status.Pending)),
            state: null,
            LastHour.Interval,
            LastHour.Interval
        );
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _timer?.Dispose();
}
