using System.Diagnostics.Metrics;
using AkkaCharging.Host.Metrics;
using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;
using AkkaCharging.Settings;
using AkkaCharging.Tracing;

namespace AkkaCharging.Host.Telemetry;

/// <summary>
/// Traces and metrics over OTLP, enabled by <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>.
/// </summary>
internal static class OtlpExport
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string Disabled = "OTEL_SDK_DISABLED";

    /// <summary>Whether this process exports.</summary>
    /// <param name="sources">Holds the variables; null for none.</param>
    /// <exception cref="InvalidSettingsException">The endpoint is no URL.</exception>
    public static bool IsOn(SettingsSources? sources) => sources is not null && IsOn(sources.Environment);

    /// <summary>Whether a process with these variables exports.</summary>
    /// <exception cref="InvalidSettingsException">The endpoint is not a URL: the exporter would silently use its
    /// default.</exception>
    public static bool IsOn(IReadOnlyDictionary<string, string> environment)
    {
        if (
            environment.GetValueOrDefault(Endpoint) is not { Length: > 0 } endpoint
            || string.Equals(environment.GetValueOrDefault(Disabled), "true", StringComparison.OrdinalIgnoreCase)
        )
            return false;
        return Uri.TryCreate(endpoint, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
            ? true
            : throw new InvalidSettingsException([
                $"environment variable {Endpoint}: expected the http or https URL of an OpenTelemetry collector.",
            ]);
    }

    /// <summary>Registers the exporter and the observer of traces.</summary>
    public static void AddOtlpExport(this IServiceCollection services)
    {
        services
            .AddSingleton(new Meter(OtlpMetrics.MeterName))
            .AddSingleton<OtlpMetrics>()
            .AddSingleton<MetricsObserver>();
        services.AddSingleton<IPipelineObserver>(provider => new TracingObserver(
            provider.GetRequiredService<MetricsObserver>()
        ));
        services.AddHostedService<OtlpExporter>();
    }
}
