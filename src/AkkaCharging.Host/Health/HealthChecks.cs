using Akka.Cluster.Hosting;
using Akka.Hosting;
using AkkaCharging.Clustering;
using AkkaCharging.Host.Connections;
using AkkaCharging.Host.Lifetime;
using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Lanes;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AkkaCharging.Host.Health;

/// <summary>The checks behind the probes, registered with Akka.Hosting and selected by tag.</summary>
internal static class HealthChecks
{
    /// <summary>Registers the services behind <c>/health</c> and the probes.</summary>
    public static void AddChargingHealth(this IServiceCollection services)
    {
        services.AddHealthChecks();
        services.AddSingleton(provider => new OpenFiles(
            () => ProcessFiles.Open,
            provider.GetRequiredService<TimeProvider>()
        ));
        services.AddSingleton<AccessList>().AddSingleton<HealthReporter>().AddHostedService<HealthWatch>();
    }

    /// <summary>
    /// Live: the actor system and every lane run. Ready: started, not draining, and the journal is available,
    /// regardless of receivers and the authorizer. A cluster node must also be a member and hold lanes.
    /// </summary>
    public static AkkaConfigurationBuilder WithChargingHealthChecks(
        this AkkaConfigurationBuilder akka,
        IServiceProvider provider
    )
    {
        var service = provider.GetRequiredService<ChargingService>();
        var journal = provider.GetRequiredService<IRequestJournal>();
        var readiness = provider.GetRequiredService<Readiness>();
        if (provider.GetService<ClusterNode>() is { } node)
        {
            akka.WithAkkaClusterReadinessCheck(tags: [HealthEndpoints.ReadyTag])
                .WithHealthCheck(
                    "lanes",
                    (_, _, _) => Result(node.Figures.Lanes > 0, "this node holds no lanes"),
                    tags: [HealthEndpoints.ReadyTag]
                );
        }

        return akka.WithActorSystemLivenessCheck(tags: [HealthEndpoints.LiveTag])
            .WithHealthCheck(
                "pipeline",
                (_, _, _) => Result(service.Status.Worst != LaneState.Failing, "the graph of a lane fails repeatedly"),
                tags: [HealthEndpoints.LiveTag]
            )
            .WithHealthCheck(
                "started",
                (_, _, _) => Result(readiness.IsOpen, "starting or draining"),
                tags: [HealthEndpoints.ReadyTag]
            )
            .WithHealthCheck(
                "journal",
                (_, _, _) => Result(journal.Status.IsAvailable, "the journal is not available"),
                tags: [HealthEndpoints.ReadyTag]
            );
    }

    private static Task<HealthCheckResult> Result(bool isHealthy, string problem) =>
        Task.FromResult(
            isHealthy ? HealthCheckResult.Healthy(ComponentStatus.Up.Name()) : HealthCheckResult.Unhealthy(problem)
        );
}
