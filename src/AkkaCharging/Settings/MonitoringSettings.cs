using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>Block <c>monitoring</c>.</summary>
/// <param name="Window">The time window of health's rates and the p95.</param>
internal sealed record MonitoringSettings(
    bool MetricsEnabled,
    bool HealthCheckEnabled,
    TimeSpan Window,
    HealthThresholds Thresholds
)
{
    internal static MonitoringSettings Read(HoconSection hocon) =>
        new(
            MetricsEnabled: hocon.Section("metrics").Flag("enabled"),
            HealthCheckEnabled: hocon.Section("healthCheck").Flag("enabled"),
            Window: TimeSpan.FromSeconds(hocon.Count("windowSeconds", min: 1, max: 3_600)),
            Thresholds: HealthThresholds.Read(hocon.Section("thresholds"))
        );
}

/// <summary>Block <c>monitoring.thresholds</c>: <c>/health</c> reports DEGRADED above one of them.</summary>
/// <param name="QueueUsage">Number of pending requests as a share of <c>queue.maxSize</c>, 0 to 1.</param>
/// <param name="AuthorizationErrorRate">Share of decisions in the window that ended <c>unknown</c>.</param>
/// <param name="CallbackErrorRate">Share of callback attempts in the window that failed.</param>
/// <param name="MinimumSamples">Minimum number of events in the window for a rate: a single failure at night is not an
/// outage.</param>
internal sealed record HealthThresholds(
    double QueueUsage,
    double AuthorizationErrorRate,
    double CallbackErrorRate,
    int MinimumSamples
)
{
    internal static HealthThresholds Read(HoconSection hocon) =>
        new(
            QueueUsage: hocon.Number("queueUsage", min: 0, max: 1),
            AuthorizationErrorRate: hocon.Number("authorizationErrorRate", min: 0, max: 1),
            CallbackErrorRate: hocon.Number("callbackErrorRate", min: 0, max: 1),
            MinimumSamples: hocon.Count("minimumSamples", min: 1, max: 1_000_000)
        );
}

/// <summary>Least severe level that is logged: <c>logging.level</c>.</summary>
internal enum LogThreshold
{
    /// <summary>Details for debugging, and all other levels.</summary>
    Debug,

    /// <summary>Normal events.</summary>
    Info,

    /// <summary>Events that an operator should look at.</summary>
    Warning,

    /// <summary>Events that require action.</summary>
    Error,
}

/// <summary>The format of log lines: <c>logging.format</c>.</summary>
internal enum LogFormat
{
    /// <summary>Text in development, JSON otherwise.</summary>
    Auto,

    /// <summary>One JSON object per line.</summary>
    Json,

    /// <summary>Text for people.</summary>
    Text,
}

/// <summary>Block <c>logging</c>.</summary>
internal sealed record LoggingSettings(LogThreshold Level, LogFormat Format)
{
    internal static LoggingSettings Read(HoconSection hocon) =>
        new(Level: hocon.Choice<LogThreshold>("level"), Format: hocon.Choice<LogFormat>("format"));
}
