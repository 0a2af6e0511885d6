using System.Text.Json.Serialization;
using Akka.Actor;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Acl;
using AkkaCharging.Clustering;
using AkkaCharging.DeadLetters;
using AkkaCharging.Host.Http;
using AkkaCharging.Journal;
using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using Prometheus;

namespace AkkaCharging.Host.Metrics;

/// <summary>
/// The body of <c>/metrics</c> as JSON. Counts are since the start; times are over the window of
/// <c>monitoring.windowSeconds</c>.
/// </summary>
/// <param name="RequestsTotal">Submissions answered, whatever the answer.</param>
/// <param name="Requests">The same by the answer's status; <c>replayed</c> for an idempotent repeat.</param>
/// <param name="AuthorizationDecisions">By status.</param>
/// <param name="CallbackResults">Callback attempts by outcome.</param>
/// <param name="DeliveriesTotal">Settled requests by final state.</param>
/// <param name="Acl">The access list: rules in force, changed files that were taken, and refused; empty when decisions
/// come from a back end.</param>
/// <param name="Cluster">Nodes as this one sees them, lanes that it holds, and those of the whole cluster; empty for a
/// process that runs alone.</param>
/// <param name="DeadLettersCurrent">Requests that failed and can be redriven, as counted some seconds ago; null while
/// the journal has not been counted yet.</param>
/// <param name="QueueSizeCurrent">Pending requests: accepted and not settled.</param>
internal sealed record MetricsAnswer(
    long RequestsTotal,
    IReadOnlyDictionary<string, long> Requests,
    IReadOnlyDictionary<string, long> AuthorizationDecisions,
    IReadOnlyDictionary<string, long> AuthorizationReasons,
    IReadOnlyDictionary<string, long> CallbackResults,
    IReadOnlyDictionary<string, long> DeliveriesTotal,
    double AuthorizationTimeAvgMs,
    double AuthorizationTimeP95Ms,
    long QueueSizeCurrent,
    int QueueSizeMax,
    string CircuitBreakerState,
    IReadOnlyDictionary<string, long> CircuitBreakerTransitions,
    int StreamRestartsTotal,
    long? DeadLettersCurrent,
    IReadOnlyDictionary<string, long> Acl,
    IReadOnlyDictionary<string, long> Cluster
);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(MetricsAnswer))]
internal sealed partial class MetricsJson : JsonSerializerContext;

/// <summary>The metrics actor's figures over HTTP.</summary>
internal static class MetricsEndpoint
{
    /// <summary>Maps <c>/metrics</c>: JSON, or what Prometheus reads where <c>Accept</c> asks for it.</summary>
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
            .Produces<ErrorAnswer>(StatusCodes.Status503ServiceUnavailable);

    private static async Task AnswerAsync(
        HttpContext context,
        IMetricsSink metrics,
        ChargingService service,
        IRequestJournal journal,
        IAuthorizer authorizer,
        QueueSettings queue,
        DeadLetterCount deadLetters,
        PrometheusMetrics prometheus,
        IServiceProvider services
    )
    {
        context.Response.Headers.Vary = "Accept";
        var acl = (authorizer as AclAuthorizer)?.Status;
        try
        {
            var figures = await metrics.GetAsync(context.RequestAborted);
            var dead = await deadLetters.LatestAsync();
            var format = MetricsFormats.Negotiate(context.Request);
            if (format == MetricsFormat.Json)
            {
                await context.WriteJsonAsync(
                    StatusCodes.Status200OK,
                    ToAnswer(figures, service.Status, dead, acl, services.GetService<ClusterNode>()?.Figures, queue),
                    MetricsJson.Default.MetricsAnswer
                );
                return;
            }

            context.Response.ContentType =
                format == MetricsFormat.OpenMetrics
                    ? PrometheusConstants.OpenMetricsContentTypeWithVersionAndEncoding
                    : PrometheusConstants.TextContentTypeWithVersionAndEncoding;
            context.Response.Headers.CacheControl = "no-store";
            await prometheus.WriteAsync(
                figures,
                service.Status,
                service.Load,
                journal.Status,
                dead,
                acl,
                format,
                context.Response.Body,
                context.RequestAborted
            );
        }
        catch (Exception e) when (e is AskTimeoutException or TimeoutException)
        {
            await context.WriteErrorAsync(
                StatusCodes.Status503ServiceUnavailable,
                "metrics_unavailable",
                "The metrics actor does not answer."
            );
        }
    }

    private static MetricsAnswer ToAnswer(
        MetricsSnapshot figures,
        PipelineStatus pipeline,
        long? deadLetters,
        AclStatus? acl,
        ClusterFigures? cluster,
        QueueSettings queue
    ) =>
        new(
            figures.Requests.Values.Sum(),
            figures.Requests,
            figures.Decisions,
            figures.Reasons,
            figures.Attempts,
            figures.Settled,
            Math.Round(figures.AuthorizationTimeAverageMillis, 3),
            Math.Round(figures.AuthorizationTimeP95Millis, 3),
            pipeline.Pending,
            queue.MaxSize,
            pipeline.Breaker.Name(),
            figures.BreakerTransitions,
            pipeline.Restarts,
            deadLetters,
            acl is null
                ? new Dictionary<string, long>(StringComparer.Ordinal)
                : new Dictionary<string, long>(StringComparer.Ordinal)
                {
                    ["rules"] = acl.RuleCount,
                    ["reloads_total"] = acl.Reloads,
                    ["reload_failures_total"] = acl.FailedReloads,
                },
            cluster is null
                ? new Dictionary<string, long>(StringComparer.Ordinal)
                : new Dictionary<string, long>(StringComparer.Ordinal)
                {
                    ["nodes_up"] = cluster.Up,
                    ["nodes_unreachable"] = cluster.Unreachable,
                    ["lanes"] = cluster.Lanes,
                    ["lanes_configured"] = cluster.Configured,
                    ["lanes_taken_total"] = cluster.Taken,
                    ["lanes_lost_total"] = cluster.Lost,
                }
        );
}
