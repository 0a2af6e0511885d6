using AkkaCharging.Host.Lifetime;

namespace AkkaCharging.Host.Health;

/// <summary>
/// Has the components judged every few seconds: since when one is not well is known even if nobody was looking, and the
/// log says when one goes down.
/// </summary>
/// <remarks>
/// What is down when the process starts, or because it stops, is not logged here: the start and the stop have lines of
/// their own.
/// </remarks>
internal sealed partial class HealthWatch(
    HealthReporter reporter,
    Readiness readiness,
    TimeProvider time,
    ILogger<HealthWatch> logger
) : IHostedService, IDisposable
{
    /// <summary>Time between two judgements, by which <c>since</c> and the log may be late.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, bool> _wasDown = new(StringComparer.Ordinal);
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
            _judging = JudgeAsync();
    }

    private async Task JudgeAsync()
    {
        var (report, _) = await reporter.ReportAsync(isForOperators: true, CancellationToken.None);
        if (readiness.IsDraining)
            return;
        foreach (var (name, component) in report.Components)
        {
            var isDown = string.Equals(component.Status, ComponentStatus.Down.Name(), StringComparison.Ordinal);
            if (_wasDown.TryGetValue(name, out var wasDown) && wasDown != isDown)
                LogChange(name, component, isDown);
            _wasDown[name] = isDown;
        }
    }

    private void LogChange(string name, ComponentAnswer component, bool isDown)
    {
        if (isDown)
            LogDown(name, string.Join(", ", component.Details.Select(detail => $"{detail.Key} = {detail.Value}")));
        else
            LogNoLongerDown(name, component.Status);
    }

    [LoggerMessage(1201, LogLevel.Error, "The component {Component:l} is down: {Details:l}")]
    private partial void LogDown(string component, string details);

    [LoggerMessage(1202, LogLevel.Information, "The component {Component:l} is no longer down; it is {Status:l}")]
    private partial void LogNoLongerDown(string component, string status);
}
