using Akka.Hosting;
using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Metrics;

/// <summary>Registers the metrics actor and the readers of its figures.</summary>
internal static class MetricsHosting
{
    /// <summary>Registers everything behind <c>/metrics</c>.</summary>
    public static void AddChargingMetrics(this IServiceCollection services, MonitoringSettings settings)
    {
        services
            .AddSingleton<MetricsActorSink>()
            .AddSingleton<IMetricsSink>(provider => provider.GetRequiredService<MetricsActorSink>())
            .AddSingleton<IPipelineObserver, MetricsObserver>()
            .AddHostedService<HistoryClock>();
        services.AddSingleton(provider => new MetricsState(
            settings.Window,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<MetricsHistograms>()
        ));
        services
            .AddSingleton(Prometheus.Metrics.NewCustomRegistry())
            .AddSingleton<MetricsHistograms>()
            .AddSingleton<FiguresReader>()
            .AddSingleton<PrometheusMetrics>();
    }

    /// <summary>Starts the metrics actor.</summary>
    public static AkkaConfigurationBuilder WithChargingMetrics(
        this AkkaConfigurationBuilder akka,
        IServiceProvider provider
    ) =>
        akka.WithMetricsActor(
            provider.GetRequiredService<MetricsActorSink>(),
            provider.GetRequiredService<MetricsState>()
        );
}
