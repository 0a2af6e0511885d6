using System.Diagnostics.Metrics;
using AkkaCharging.Host.Metrics;
using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;
using AkkaCharging.Tracing;

namespace AkkaCharging.Host.Telemetry;

/// <summary>Registers the export of traces and metrics over OTLP, enabled by <see cref="OtlpSettings"/>.</summary>
internal static class OtlpExport
{
    /// <summary>Registers the exporter and the observer of traces.</summary>
    public static void AddOtlpExport(this IServiceCollection services, OtlpSettings settings)
    {
        services
            .AddSingleton(settings)
            .AddSingleton(new Meter(OtlpMetrics.MeterName))
            .AddSingleton<OtlpMetrics>()
            .AddSingleton<MetricsObserver>();
        services.AddSingleton<IPipelineObserver>(provider => new TracingObserver(
            provider.GetRequiredService<MetricsObserver>()
        ));
        services.AddHostedService<OtlpExporter>();
    }
}
