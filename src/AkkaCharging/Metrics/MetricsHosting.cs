using Akka.Actor;
using Akka.Hosting;

namespace AkkaCharging.Metrics;

/// <summary>Adds the metrics actor to an actor system.</summary>
internal static class MetricsHosting
{
    /// <summary>Starts the metrics actor and connects <paramref name="sink"/> to it.</summary>
    public static AkkaConfigurationBuilder WithMetricsActor(
        this AkkaConfigurationBuilder akka,
        MetricsActorSink sink,
        MetricsState state
    ) =>
        akka.WithActors(
            (system, _) => sink.Start(system.ActorOf(Props.Create(() => new MetricsActor(state, sink)), "metrics"))
        );
}
