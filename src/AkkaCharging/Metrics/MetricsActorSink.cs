using Akka.Actor;

namespace AkkaCharging.Metrics;

/// <summary>
/// Sends events to the metrics actor in batches: waking it for each event would cost more than counting the event.
/// </summary>
/// <remarks>
/// Events before the start of the actor cannot occur, because the HTTP listener is opened after the actor system. A
/// snapshot includes every event sent before it was requested.
/// </remarks>
internal sealed class MetricsActorSink : IMetricsSink, IDisposable
{
    private const int BatchMax = 256;
    private static readonly TimeSpan BatchAge = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private readonly TaskCompletionSource<IActorRef> _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private readonly ITimer _timer;
    private IActorRef? _actor;
    private List<MetricsEvent> _batch = new(BatchMax);

    public MetricsActorSink(TimeProvider time) =>
        _timer = time.CreateTimer(_ => Flush(), state: null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    public void Start(IActorRef actor)
    {
        lock (_gate)
            _actor = actor;
        _started.TrySetResult(actor);
    }

    public void Tell(MetricsEvent happened)
    {
        lock (_gate)
        {
            if (_actor is null)
                return;
            _batch.Add(happened);
            if (_batch.Count == 1)
                _timer.Change(BatchAge, Timeout.InfiniteTimeSpan);
            else if (_batch.Count == BatchMax)
                Flush();
        }
    }

    public Task<MetricsSnapshot> GetAsync(CancellationToken cancellationToken) =>
        AskAsync<MetricsSnapshot>(GetMetrics.Instance, cancellationToken);

    public Task<IReadOnlyList<HistoryPoint>> GetHistoryAsync(long pending, CancellationToken cancellationToken) =>
        AskAsync<IReadOnlyList<HistoryPoint>>(new GetHistory(pending), cancellationToken);

    public void Dispose() => _timer.Dispose();

    private async Task<T> AskAsync<T>(object question, CancellationToken cancellationToken)
    {
        var actor = await _started.Task.WaitAsync(Patience, cancellationToken);
        Flush();
        return await actor.Ask<T>(question, Patience, cancellationToken);
    }

    private void Flush()
    {
        lock (_gate)
        {
            if (_batch.Count == 0)
                return;
            // Sent under the lock, so that batches arrive in the order in which they were filled.
            _actor!.Tell(new MetricsBatch(_batch), ActorRefs.NoSender);
            _batch = new(BatchMax);
        }
    }
}
