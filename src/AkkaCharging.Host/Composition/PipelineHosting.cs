using Akka.Hosting;
using AkkaCharging.Clustering;
using AkkaCharging.DeadLetters;
using AkkaCharging.Host.Health;
using AkkaCharging.Host.Logging;
using AkkaCharging.Host.Metrics;
using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Composition;

/// <summary>Registers the pipeline, its lanes, dead letters, and their actor system.</summary>
internal static class PipelineHosting
{
    private const string SystemName = "akkacharging";

    /// <summary>Registers the pipeline and the owner of its lanes: this process, or a cluster node.</summary>
    public static void AddPipeline(this IServiceCollection services, ChargingSettings settings)
    {
        services
            .AddSingleton<ChargingService>()
            .AddSingleton(provider => provider.GetRequiredService<ChargingService>().Intake);
        if (settings.Cluster.Enabled)
            services
                .AddSingleton<ClusterNode>()
                .AddSingleton<ILaneOwner>(provider => provider.GetRequiredService<ClusterNode>());
        else
            services.AddSingleton<ILaneOwner, StandaloneLanes>();
    }

    /// <summary>Registers the services that redrive, discard and count dead letters.</summary>
    public static void AddDeadLetters(this IServiceCollection services, CallbackSettings settings)
    {
        services.AddSingleton(provider => new DeadLetterOperations(
            settings.RedrivesPerSecond,
            provider.GetRequiredService<ChargingService>().Admission,
            provider.GetRequiredService<IDeadLetterStore>(),
            provider.GetRequiredService<ChargingService>().Lanes,
            provider.GetRequiredService<TimeProvider>()
        ));
        services.AddSingleton(provider => new DeadLetterCount(
            () =>
                provider
                    .GetRequiredService<IDeadLetterStore>()
                    .CountDeadLettersAsync(new DeadLetterQuery(), CancellationToken.None),
            provider.GetRequiredService<TimeProvider>()
        ));
    }

    /// <summary>Registers the actor system with all of its actors.</summary>
    /// <exception cref="InvalidSettingsException">The node's certificate cannot be used.</exception>
    public static void AddActorSystem(this IServiceCollection services, ChargingSettings settings, LogLevels levels)
    {
        var certificate = ReadCertificate(settings.Cluster); // read now, so that an invalid file stops the start
        services.AddAkka(
            SystemName,
            (akka, provider) =>
                akka.AddHocon(settings.Akka, HoconAddMode.Prepend)
                    .WithChargingLogging(levels)
                    .WithChargingMetrics(provider)
                    .WithLanes(settings.Cluster, certificate, provider)
                    .WithChargingHealthChecks(provider)
        );
    }

    /// <summary>Reads the certificate of this node.</summary>
    /// <exception cref="InvalidSettingsException">The certificate cannot be used.</exception>
    public static void Check(ClusterSettings settings) => ReadCertificate(settings);

    private static NodeCertificate? ReadCertificate(ClusterSettings cluster) =>
        cluster is { Enabled: true, Tls.IsOn: true } ? NodeCertificate.Read(cluster.Tls) : null;

    private static AkkaConfigurationBuilder WithLanes(
        this AkkaConfigurationBuilder akka,
        ClusterSettings cluster,
        NodeCertificate? certificate,
        IServiceProvider provider
    ) =>
        cluster.Enabled
            ? akka.WithChargingCluster(cluster, provider.GetRequiredService<ClusterNode>(), certificate)
            : akka.AddHocon(TimerScheduler.Hocon, HoconAddMode.Append)
                .WithActors((system, _) => provider.GetRequiredService<ILaneOwner>().Start(system));
}
