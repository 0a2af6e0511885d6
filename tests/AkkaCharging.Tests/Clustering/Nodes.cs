using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using AkkaCharging.Clustering;
using AkkaCharging.Settings;
using ClusterSettings = AkkaCharging.Settings.ClusterSettings;

namespace AkkaCharging.Tests.Clustering;

/// <summary>Actor systems that are nodes of one cluster, as the service sets them up.</summary>
internal static class Nodes
{
    private const string SystemName = "nodes";

    /// <summary>Of a node on a free port of this machine, which waits to be told where to join.</summary>
    public static ClusterSettings Settings { get; } = SettingsLoader.Defaults.Cluster with { Enabled = true, Port = 0 };

    public static ActorSystemSetup Setup(ClusterSettings settings)
    {
        return ActorSystemSetup.Create(
            BootstrapSetup
                .Create()
                .WithConfig(
                    ClusterHosting
                        .Configuration(settings)
                        .WithFallback(ConfigurationFactory.ParseString("akka.stdout-loglevel = OFF"))
                )
        );
    }

    public static ActorSystem Start(ClusterSettings settings) => ActorSystem.Create(SystemName, Setup(settings));

    /// <summary>Joins the cluster that <paramref name="member"/> is in; its own, when it is the first.</summary>
    public static void Join(this ActorSystem node, ActorSystem member) =>
        Akka.Cluster.Cluster.Get(node).Join(Akka.Cluster.Cluster.Get(member).SelfAddress);

    public static bool IsUp(this ActorSystem node) =>
        Akka.Cluster.Cluster.Get(node).SelfMember.Status == Akka.Cluster.MemberStatus.Up;
}
