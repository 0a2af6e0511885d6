using AkkaCharging.DeadLetters;
using AkkaCharging.Host.Health;
using AkkaCharging.Host.Http;
using AkkaCharging.Journal;
using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Admin;

/// <summary>
/// Serves the overview of the service that the console shows, regardless of <c>monitoring</c> and
/// <c>management.confine</c>.
/// </summary>
internal static class OverviewEndpoint
{
    /// <summary>Maps <c>/admin/overview</c>.</summary>
    public static void MapOverview(this IEndpointRouteBuilder routes) =>
        routes
            .MapGet("/admin/overview", AnswerAsync)
            .Describe(
                "showOverview",
                "The service at a glance",
                "Health by component, queue, rates over the window, breaker, partners, receivers, dead letters and "
                    + "the bulk redrive. Answered whatever management.confine and monitoring say."
            )
            .Produces<OverviewAnswer>();

    private static async Task AnswerAsync(
        HttpContext context,
        HealthReporter health,
        ChargingService service,
        DeadLetterOperations deadLetters,
        DeadLetterCount deadLetterCount,
        IRequestJournal journal,
        ChargingSettings settings
    )
    {
        var (report, figures) = await health.ReportAsync(isForOperators: true, context.RequestAborted);
        var (status, load) = (service.Status, service.Load);
        var answer = new OverviewAnswer(
            Version: ProductVersion.Text,
            Timestamp: context.Now(),
            Health: report,
            Pending: status.Pending,
            Capacity: settings.Queue.MaxSize,
            DegradedAbove: settings.Monitoring.Thresholds.QueueUsage,
            OldestPendingMs: (long)load.OldestAge.TotalMilliseconds,
            AuthorizationsInFlight: load.Authorizations,
            CallbacksInFlight: load.Callbacks,
            Breaker: status.Breaker.Name(),
            Partners: [.. service.Partners.Select(partner => PartnerAnswer.Of(partner, service.PartnerAnswers))],
            Receivers: ReceiversAnswer.Of(service.Receivers.Counts),
            Backlog: journal.Status.Backlog,
            WindowSeconds: (int)settings.Monitoring.Window.TotalSeconds,
            Decisions: ToAnswer(figures?.Authorization),
            Callbacks: ToAnswer(figures?.Callbacks),
            DeadLetters: await deadLetterCount.LatestAsync(),
            Redrive: deadLetters.Bulk is { } redrive ? BulkRedriveAnswer.Of(redrive) : null
        );
        await context.WriteJsonAsync(StatusCodes.Status200OK, answer, AdminJson.Default.OverviewAnswer);
    }

    private static RateAnswer? ToAnswer(RateWindow? rate) => rate is null ? null : new(rate.Total, rate.Errors);
}
