using System.Text.Json.Serialization;
using Akka.Actor;
using AkkaCharging.Host.Http;
using AkkaCharging.Metrics;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using Prometheus;

namespace AkkaCharging.Host.Metrics;

/// <summary>
/// The body of <c>/metrics</c> as JSON. Counts are since the start; times are over the window of
/// <c>monitoring.windowSeconds</c>.
/// </summary>
internal sealed record MetricsAnswer
{
    /// <summary>Number of submissions, including rejected ones.</summary>
    public required long RequestsTotal { get; init; }

    /// <summary>Number of submissions by status of the answer; <c>replayed</c> for an idempotent repeat.</summary>
    public required IReadOnlyDictionary<string, long> Requests { get; init; }

    /// <summary>Number of decisions by status.</summary>
    public required IReadOnlyDictionary<string, long> AuthorizationDecisions { get; init; }

    public required IReadOnlyDictionary<string, long> AuthorizationReasons { get; init; }

    /// <summary>Number of callback attempts by outcome.</summary>
    public required IReadOnlyDictionary<string, long> CallbackResults { get; init; }

    /// <summary>Number of settled requests by final state.</summary>
    public required IReadOnlyDictionary<string, long> DeliveriesTotal { get; init; }

    public required double AuthorizationTimeAvgMs { get; init; }

    public required double AuthorizationTimeP95Ms { get; init; }

    /// <summary>Number of pending requests: accepted and not settled.</summary>
    public required long QueueSizeCurrent { get; init; }

    public required int QueueSizeMax { get; init; }

    [OneOf<BreakerStateWords>]
    public required string CircuitBreakerState { get; init; }

    public required IReadOnlyDictionary<string, long> CircuitBreakerTransitions { get; init; }

    /// <summary>Number of remembered receivers by standing, and of those whose circuit breaker is not closed.</summary>
    public required IReadOnlyDictionary<string, long> Receivers { get; init; }

    public required int StreamRestartsTotal { get; init; }

    /// <summary>
    /// Number of failed requests that can be redriven, as counted some seconds ago; null before the first count.
    /// </summary>
    public required long? DeadLettersCurrent { get; init; }

    /// <summary>
    /// The access list: rules in force, and changed files that were accepted and rejected; empty when decisions come
    /// from a back end.
    /// </summary>
    public required IReadOnlyDictionary<string, long> Acl { get; init; }

    /// <summary>
    /// Number of nodes as this one sees them, of lanes that it holds, and of all lanes; empty for a standalone process.
    /// </summary>
    public required IReadOnlyDictionary<string, long> Cluster { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(MetricsAnswer))]
internal sealed partial class MetricsJson : JsonSerializerContext;

/// <summary>Serves the figures of the metrics actor over HTTP.</summary>
internal static class MetricsEndpoint
{
    /// <summary>Maps <c>/metrics</c>: JSON, or a format of Prometheus if <c>Accept</c> asks for it.</summary>
    public static void MapMetrics(this IEndpointRouteBuilder routes) =>
        routes
            .MapGet("/metrics", AnswerAsync)
            .WithName("metrics")
            .WithTags("Monitoring")
            .WithSummary("Counts since the start, times over the window")
            .WithDescription(
                "JSON by default; Prometheus text (text/plain) and OpenMetrics (application/openmetrics-text) "
                    + "by the Accept header."
            )
            .Produces<MetricsAnswer>()
            .ProducesErrors(429, 503);

    private static async Task AnswerAsync(
        HttpContext context,
        IMetricsSink metrics,
        FiguresReader reader,
        PrometheusMetrics prometheus
    )
    {
        context.Response.Headers.Vary = "Accept";
        try
        {
            var format = MetricsFormats.Negotiate(context.Request);
            if (format == MetricsFormat.Json)
            {
                await context.WriteJsonAsync(
                    StatusCodes.Status200OK,
                    ToAnswer(await FiguresAsync()),
                    MetricsJson.Default.MetricsAnswer
                );
                return;
            }

            var text =
                prometheus.CurrentText(format)
                ?? await prometheus.TextAsync(await FiguresAsync(), format, context.RequestAborted);
            context.Response.ContentType =
                format == MetricsFormat.OpenMetrics
                    ? PrometheusConstants.OpenMetricsContentTypeWithVersionAndEncoding
                    : PrometheusConstants.TextContentTypeWithVersionAndEncoding;
            context.Response.Headers.CacheControl = "no-store";
            await context.WriteBytesAsync(text);
        }
        catch (Exception e) when (e is AskTimeoutException or TimeoutException)
        {
            await context.WriteErrorAsync(
                StatusCodes.Status503ServiceUnavailable,
                AnswerStatus.MetricsUnavailable,
                "The metrics actor does not answer."
            );
        }

        async Task<Figures> FiguresAsync() => await reader.ReadAsync(await metrics.GetAsync(context.RequestAborted));
    }

    private static MetricsAnswer ToAnswer(Figures figures) =>
        new()
        {
            RequestsTotal = figures.Counts.Requests.Values.Sum(),
            Requests = figures.Counts.Requests,
            AuthorizationDecisions = figures.Counts.Decisions,
            AuthorizationReasons = figures.Counts.Reasons,
            CallbackResults = figures.Counts.Attempts,
            DeliveriesTotal = figures.Counts.Settled,
            AuthorizationTimeAvgMs = Math.Round(figures.Counts.AuthorizationTimeAverageMillis, 3),
            AuthorizationTimeP95Ms = Math.Round(figures.Counts.AuthorizationTimeP95Millis, 3),
            QueueSizeCurrent = figures.Pipeline.Pending,
            QueueSizeMax = figures.QueueCapacity,
            CircuitBreakerState = figures.Pipeline.Breaker.Name(),
            CircuitBreakerTransitions = figures.Counts.BreakerTransitions,
            Receivers = Counts(
                (Standing.New.Name(), figures.Load.Receivers.New),
                (Standing.Proven.Name(), figures.Load.Receivers.Proven),
                (Standing.Silent.Name(), figures.Load.Receivers.Silent),
                ("breakers_open", figures.Load.Receivers.BreakersOpen),
                ("breakers_opened_total", figures.Counts.ReceiverBreakerTransitions[BreakerState.Open.Name()])
            ),
            StreamRestartsTotal = figures.Pipeline.Restarts,
            DeadLettersCurrent = figures.DeadLetters,
            Acl = figures.Acl is { } acl
                ? Counts(
                    ("rules", acl.RuleCount),
                    ("reloads_total", acl.Reloads),
                    ("reload_failures_total", acl.FailedReloads)
                )
                : Counts(),
            Cluster = figures.Cluster is { } cluster
                ? Counts(
                    ("nodes_up", cluster.Up),
                    ("nodes_unreachable", cluster.Unreachable),
                    ("lanes", cluster.Lanes),
                    ("lanes_configured", cluster.Configured),
                    ("lanes_taken_total", cluster.Taken),
                    ("lanes_lost_total", cluster.Lost)
                )
                : Counts(),
        };

    private static Dictionary<string, long> Counts(params (string Name, long Count)[] counts) =>
        counts.ToDictionary(count => count.Name, count => count.Count, StringComparer.Ordinal);
}
