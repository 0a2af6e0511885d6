namespace AkkaCharging.Host.Health;

/// <summary>
/// Has the components judged every few seconds: since when one is not well is known even if nobody was looking.
/// </summary>
internal sealed class HealthWatch(HealthReporter reporter, TimeProvider time) : IHostedService, IDisposable
{
    /// <summary>Time between two judgements, by which <c>since</c> may be late.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private ITimer? _timer;
    private Task _judging = Task.CompletedTask;

    /// <summary>The current or latest judgement, for tests to await.</summary>
    internal Task Judging => _judging;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _timer = time.CreateTimer(_ => Judge(), state: null, TimeSpan.Zero, Interval);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _timer?.Dispose();

    private void Judge()
    {
        // A defect in it is seen by whoever asks for the report.
        if (_judging.IsCompleted)
            _judging = reporter.ReportAsync(isForOperators: false, CancellationToken.None);
    }
}
