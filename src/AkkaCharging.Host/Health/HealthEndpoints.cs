using System.Text.Json.Serialization;
using AkkaCharging.Host.Http;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AkkaCharging.Host.Health;

/// <summary>The body of <c>/health</c>.</summary>
/// <param name="Status">The worst status of the components: <c>UP</c>, <c>DEGRADED</c> or <c>DOWN</c>.</param>
internal sealed record HealthAnswer(
    [OneOf<ComponentStatusWords>] string Status,
    long Timestamp,
    IReadOnlyDictionary<string, ComponentAnswer> Components
);

/// <summary>A component in the body of <c>/health</c>.</summary>
/// <param name="Since">Since when it has had this status, in milliseconds since 1970: at the earliest the start of the
/// process, and up to 5 s late.</param>
internal sealed record ComponentAnswer(
    [OneOf<ComponentStatusWords>] string Status,
    long Since,
    IReadOnlyDictionary<string, string> Details
);

/// <summary>The body of a probe.</summary>
internal sealed record ProbeAnswer(
    [OneOf<ComponentStatusWords>] string Status,
    IReadOnlyDictionary<string, string> Details
);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(HealthAnswer))]
[JsonSerializable(typeof(ProbeAnswer))]
internal sealed partial class HealthJson : JsonSerializerContext;

/// <summary>Serves the health report and the probes.</summary>
internal static class HealthEndpoints
{
    public const string LiveTag = "live";
    public const string ReadyTag = "ready";

    /// <summary>Maps <c>/health</c>.</summary>
    /// <param name="isForOperators">Whether <paramref name="routes"/> are those of the operators' listener.</param>
    public static void MapHealth(this IEndpointRouteBuilder routes, bool isForOperators) =>
        routes
            .MapGet(
                "/health",
                (HttpContext context, HealthReporter reporter) => ReportAsync(context, reporter, isForOperators)
            )
            .WithName("health")
            .WithTags("Monitoring")
            .WithSummary("Health of the service by component")
            .WithDescription(
                "503 when a component is DOWN. A component that is DEGRADED does its work with a restriction."
            )
            .Produces<HealthAnswer>()
            .ProducesErrors(429)
            .Produces<HealthAnswer>(StatusCodes.Status503ServiceUnavailable);

    /// <summary>Maps the probes, which are never rejected.</summary>
    public static void MapProbes(this IEndpointRouteBuilder routes)
    {
        routes.MapProbe("/health/live", LiveTag);
        routes.MapProbe("/health/ready", ReadyTag);
    }

    private static void MapProbe(this IEndpointRouteBuilder routes, string route, string tag)
    {
        routes
            .MapGet(route, ProbeAsync)
            .WithName(tag)
            .WithTags("Monitoring")
            .WithSummary($"Whether the service is {tag}, for container probes")
            .WithDescription("Always answered, whatever the rate, and without a key.")
            .Produces<ProbeAnswer>()
            .Produces<ProbeAnswer>(StatusCodes.Status503ServiceUnavailable)
            .WithMetadata(AnonymousReads.Exempt);

        async Task ProbeAsync(HttpContext context, HealthCheckService checks)
        {
            var report = await checks.CheckHealthAsync(check => check.Tags.Contains(tag), context.RequestAborted);
            var isHealthy = report.Status == HealthStatus.Healthy;
            await context.WriteJsonAsync(
                isHealthy ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable,
                new ProbeAnswer(
                    (isHealthy ? ComponentStatus.Up : ComponentStatus.Down).Name(),
                    report.Entries.ToDictionary(
                        entry => entry.Key,
                        // The description of a check that threw is the exception's text, which only the log may
                        // contain.
                        entry =>
                            entry.Value is { Exception: null, Description: { } description }
                                ? description
                                : entry.Value.Status.ToString(),
                        StringComparer.Ordinal
                    )
                ),
                HealthJson.Default.ProbeAnswer
            );
        }
    }

    private static async Task ReportAsync(HttpContext context, HealthReporter reporter, bool isForOperators)
    {
        var (report, _) = await reporter.ReportAsync(isForOperators, context.RequestAborted);
        var isDown = string.Equals(report.Status, ComponentStatus.Down.Name(), StringComparison.Ordinal);
        await context.WriteJsonAsync(
            isDown ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK,
            report,
            HealthJson.Default.HealthAnswer
        );
    }
}
