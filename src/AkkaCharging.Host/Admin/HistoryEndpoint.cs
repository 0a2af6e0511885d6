using Akka.Actor;
using AkkaCharging.Host.Http;
using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;

namespace AkkaCharging.Host.Admin;

/// <summary>Serves the last hour of this process, for the charts of the console.</summary>
internal static class HistoryEndpoint
{
    /// <summary>Maps <c>/admin/history</c>.</summary>
    public static void MapHistory(this IEndpointRouteBuilder routes) =>
        routes
            .MapGet("/admin/history", AnswerAsync)
            .Describe(
                "showHistory",
                "The last hour of this process, minute by minute",
                "Oldest first; the last point is the minute that is not over."
            )
            .Produces<HistoryAnswer>()
            .ProducesErrors(503);

    private static async Task AnswerAsync(HttpContext context, IMetricsSink metrics, ChargingService service)
    {
        try
        {
            var points = await metrics.GetHistoryAsync(service.Status.Pending, context.RequestAborted);
            await context.WriteJsonAsync(
                StatusCodes.Status200OK,
                new HistoryAnswer([.. points.Select(HistoryPointAnswer.Of)]),
                AdminJson.Default.HistoryAnswer
            );
        }
        catch (Exception e) when (e is AskTimeoutException or TimeoutException)
        {
            await context.WriteErrorAsync(
                StatusCodes.Status503ServiceUnavailable,
                AnswerStatus.MetricsUnavailable,
                "The metrics actor does not answer."
            );
        }
    }
}
