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
    private MetricsState? _state;
    private List<MetricsEvent> _batch = new(BatchMax);

    public MetricsActorSink(TimeProvider time) =>
        _timer = time.CreateTimer(_ => Flush(), state: null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    public void Start(IActorRef actor)
    {
        lock (_gate)
            _actor = actor;
        _started.TrySetResult(actor);
    }

    /// <summary>
    /// Counts and answers without the actor, which has ended with the actor system. A cluster node's ends before the
    /// last figures are exported.
    /// </summary>
    public void GoOnWith(MetricsState state)
    {
        lock (_gate)
        {
            _state = state;
            foreach (var happened in _batch)
                state.Apply(happened);
            _batch.Clear();
        }
    }

    public void Tell(MetricsEvent happened)
    {
        lock (_gate)
        {
            if (_actor is null)
                return;
            if (_state is not null)
            {
                _state.Apply(happened);
                return;
            }

            _batch.Add(happened);
            if (_batch.Count == 1)
                _timer.Change(BatchAge, Timeout.InfiniteTimeSpan);
            else if (_batch.Count == BatchMax)
                Flush();
        }
    }

    public Task<MetricsSnapshot> GetAsync(CancellationToken cancellationToken) =>
        AskAsync(GetMetrics.Instance, state => state.ToSnapshot(), cancellationToken);

    public Task<IReadOnlyList<HistoryPoint>> GetHistoryAsync(long pending, CancellationToken cancellationToken) =>
        AskAsync(new GetHistory(pending), state => state.Hour.Points(pending), cancellationToken);

    public void Dispose() => _timer.Dispose();

    private async Task<T> AskAsync<T>(object question, Func<MetricsState, T> read, CancellationToken cancellationToken)
    {
        var actor = await _started.Task.WaitAsync(Patience, cancellationToken);
        lock (_gate)
        {
            if (_state is not null)
                return read(_state);
        }

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
