using Akka.Actor;

namespace AkkaCharging.Metrics;

/// <summary>
/// Counts metrics events and answers with a snapshot. There is one per node, named "metrics", and all figures come from
/// it.
/// </summary>
/// <remarks>
/// After a restart it continues with the same state: a scraper would take counters that begin at zero for a restart of
/// the process.
/// </remarks>
internal sealed class MetricsActor : ReceiveActor
{
    private readonly MetricsState _state;
    private readonly MetricsActorSink _sink;

    public MetricsActor(MetricsState state, MetricsActorSink sink)
    {
        (_state, _sink) = (state, sink);
        Receive<MetricsBatch>(batch =>
        {
            foreach (var happened in batch.Events)
                state.Apply(happened);
        });
        Receive<GetMetrics>(_ => Sender.Tell(state.ToSnapshot()));
        Receive<GetHistory>(asked => Sender.Tell(state.Hour.Points(asked.Pending)));
    }

    protected override void PostStop() => _sink.GoOnWith(_state);

    // Without the base's, which stops the actor: its next incarnation goes on with the state.
    protected override void PreRestart(Exception reason, object message) { }
}
