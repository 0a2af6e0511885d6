using Akka.Actor;

namespace AkkaCharging.Metrics;

/// <summary>Counts what happened to requests and answers with a snapshot. One per node, named "metrics"; the one source of every figure.</summary>
internal sealed class MetricsActor : ReceiveActor
{
    public MetricsActor(TimeSpan window, TimeProvider time)
    {
        var state = new MetricsState(window, time);
        Receive<MetricsEvent>(state.Apply);
        Receive<GetMetrics>(_ => Sender.Tell(state.ToSnapshot()));
    }
}
