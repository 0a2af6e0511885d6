using AkkaCharging.Authorization;
using AkkaCharging.Host.Health;
using AkkaCharging.Host.Http;
using AkkaCharging.Journal;
using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Admin;

/// <summary>How the service is at a glance: what the console shows beside lists. Here whatever <c>monitoring</c> and <c>management.confine</c> say.</summary>
internal static class OverviewEndpoint
{
    /// <summary>Maps <c>/admin/overview</c>.</summary>
    public static void MapOverview(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/admin/overview", AnswerAsync)
            .Describe("showOverview", "Health by component, queue, rates over the window, breaker, dead letters and the redrive of many")
            .Produces<OverviewAnswer>();

    private static async Task AnswerAsync(
        HttpContext context, HealthReporter health, ChargingService service, DeadLetterCount deadLetters, IRequestJournal journal, ChargingSettings settings)
    {
        var (report, figures) = await health.ReportWithFiguresAsync(context.RequestAborted);
        var (status, load) = (service.Status, service.Load);
        await context.WriteJsonAsync(
            StatusCodes.Status200OK,
            new(
                CommandLine.Version,
                context.Now(),
                report,
                status.Pending,
                settings.Queue.MaxSize,
                settings.Monitoring.Thresholds.QueueUsage,
                (long)load.OldestAge.TotalMilliseconds,
                load.Authorizations,
                load.Callbacks,
                status.Breaker.Name(),
                journal.Status.Backlog,
                (int)settings.Monitoring.Window.TotalSeconds,
                ToAnswer(figures?.Authorization),
                ToAnswer(figures?.Callbacks),
                await deadLetters.LatestAsync(),
                service.DeadLetters.Bulk is { } redrive ? BulkRedriveAnswer.Of(redrive) : null),
            AdminJson.Default.OverviewAnswer);
    }

    private static RateAnswer? ToAnswer(RateWindow? rate) => rate is null ? null : new(rate.Total, rate.Errors);
}
