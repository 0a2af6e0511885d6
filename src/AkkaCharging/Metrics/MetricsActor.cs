using Akka.Actor;

namespace AkkaCharging.Metrics;

/// <summary>
/// Counts what happened to requests and answers with a snapshot. One per node, named "metrics"; the one source of every
/// figure.
/// </summary>
/// <remarks>
/// Restarted, it goes on with the same state: a scraper would take counts that begin anew for a restart of the process.
/// </remarks>
internal sealed class MetricsActor : ReceiveActor
{
    public MetricsActor(MetricsState state)
    {
        Receive<MetricsBatch>(batch =>
        {
            foreach (var happened in batch.Events)
                state.Apply(happened);
        });
        Receive<GetMetrics>(_ => Sender.Tell(state.ToSnapshot()));
    }
}
