using System.Globalization;
using Akka.Configuration;
using Akka.Hosting;
using AkkaCharging.Settings;
using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Clustering;

/// <summary>Adds a cluster node to an actor system.</summary>
internal static class ClusterHosting
{
    // Akka's default is the version of the executable, and sharding moves no lane while nodes of two versions are
    // members: a node that was upgraded would get no lane and never be ready. Nodes of 0.2.0 have this version.
    private const string OneVersion = """akka.cluster.app-version = "0.2.0" """;

    /// <summary>Configures the actor system for a cluster, and starts <paramref name="node"/> with it.</summary>
    /// <param name="certificate">The node's certificate; null for no TLS.</param>
    public static AkkaConfigurationBuilder WithChargingCluster(
        this AkkaConfigurationBuilder akka,
        ClusterSettings settings,
        ClusterNode node,
        NodeCertificate? certificate
    )
    {
        if (certificate is not null)
            akka.AddSetup(certificate.Setup);
        return akka.AddHocon(Configuration(settings), HoconAddMode.Append) // below akka { … } of the settings files
            .AddHocon(OneVersion, HoconAddMode.Prepend) // above it
            .WithActors((system, _) => node.Start(system));
    }

    /// <summary>
    /// Creates Akka's settings for a node from ours, with time-outs that move a lane within 15 s of its node's death.
    /// </summary>
    public static Config Configuration(ClusterSettings settings) =>
        ConfigurationFactory.ParseString(
            string.Create(
                CultureInfo.InvariantCulture,
                $$"""
                akka {
                  actor.provider = cluster
                  remote.dot-netty.tcp {
                    public-hostname = {{HoconText.Quoted(settings.Hostname)}}
                    hostname = {{HoconText.Quoted(settings.Interface)}}
                    port = {{settings.Port}}
                    enable-ssl = {{(settings.Tls.IsOn ? "on" : "off")}}
                  }
                  cluster {
                    seed-node-timeout = 2s
                    retry-unsuccessful-join-after = 2s
                    periodic-tasks-initial-delay = 200ms
                    gossip-interval = 200ms
                    leader-actions-interval = 200ms
                    unreachable-nodes-reaper-interval = 200ms
                    failure-detector {
                      heartbeat-interval = 500ms
                      expected-response-after = 500ms
                      acceptable-heartbeat-pause = {{settings.UnreachableAfter.TotalMilliseconds}}ms
                    }
                    downing-provider-class = "Akka.Cluster.SBR.SplitBrainResolverProvider, Akka.Cluster"
                    split-brain-resolver {
                      active-strategy = keep-majority
                      stable-after = {{settings.DownAfter.TotalMilliseconds}}ms
                    }
                    down-removal-margin = 1s
                    singleton {
                      hand-over-retry-interval = 200ms
                      min-number-of-hand-over-retries = 75
                    }
                    sharded-daemon-process.keep-alive-interval = 500ms
                    sharding {
                      state-store-mode = ddata
                      remember-entities = off
                      distributed-data {
                        durable.keys = []
                        gossip-interval = 500ms
                        notify-subscribers-interval = 100ms
                      }
                      retry-interval = 500ms
                      coordinator-failure-backoff = 1s
                      shard-failure-backoff = 1s
                      rebalance-interval = 1s
                      least-shard-allocation-strategy {
                        rebalance-absolute-limit = 16
                        rebalance-relative-limit = 1.0
                      }
                    }
                  }
                }
                """
            )
        );
}
