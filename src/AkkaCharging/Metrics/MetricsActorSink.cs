using Akka.Actor;

namespace AkkaCharging.Metrics;

/// <summary>
/// Speaks to the metrics actor, in batches: to wake it for each event would cost more than to count it.
/// </summary>
/// <remarks>
/// Nothing happens before the actor is started, because the listener is opened after the actor system. A snapshot has
/// every event that was told before it was asked for.
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

    public async Task<MetricsSnapshot> GetAsync(CancellationToken cancellationToken)
    {
        var actor = await _started.Task.WaitAsync(Patience, cancellationToken);
        Flush();
        return await actor.Ask<MetricsSnapshot>(GetMetrics.Instance, Patience, cancellationToken);
    }

    public void Dispose() => _timer.Dispose();

    private void Flush()
    {
        lock (_gate)
        {
            if (_batch.Count == 0)
                return;
            // under the lock: batches arrive in the order in which they were filled
            _actor!.Tell(new MetricsBatch(_batch), ActorRefs.NoSender);
            _batch = new(BatchMax);
        }
    }
}
