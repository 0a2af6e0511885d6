using Akka.Actor;
using Akka.Hosting;

namespace AkkaCharging.Metrics;

/// <summary>Puts the metrics actor into an actor system.</summary>
internal static class MetricsHosting
{
    /// <summary>Starts the actor, named "metrics", behind <paramref name="sink"/>.</summary>
    public static AkkaConfigurationBuilder WithMetricsActor(
        this AkkaConfigurationBuilder akka,
        MetricsActorSink sink,
        MetricsState state
    ) =>
        akka.WithActors(
            (system, _) => sink.Start(system.ActorOf(Props.Create(() => new MetricsActor(state)), "metrics"))
        );
}
