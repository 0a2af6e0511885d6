using AkkaCharging.Host.Health;
using AkkaCharging.Host.Http;
using AkkaCharging.Host.Metrics;
using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Admin;

/// <summary>The operators' API: its parts, its routes, and what its answers have in common.</summary>
internal static class AdminApi
{
    /// <summary>The name of the API's description, and the group of the routes in it.</summary>
    public const string Document = "admin";

    /// <summary>The tag of its routes in the description.</summary>
    public const string Tag = "Operators";

    /// <summary>Registers the operators' API.</summary>
    public static void AddAdmin(this IServiceCollection services, ManagementSettings settings)
    {
        services
            .AddSingleton(settings)
            .AddSingleton<OperatorAccess>()
            .AddSingleton<OperatorAudit>()
            .AddSingleton<OperatorBodies>();
        services.AddSingleton<RequestEndpoints.Handler>();
        services.AddSingleton<DeadLetterEndpoints.Handler>().AddSingleton<DestinationEndpoints.Handler>();
    }

    /// <summary>Maps the operators' routes, and the pages that <c>management.confine</c> moves here.</summary>
    public static void MapAdmin(this IEndpointRouteBuilder routes, ChargingSettings settings)
    {
        routes.MapRequests();
        routes.MapDeadLetters();
        routes.MapDestinations();
        routes.MapSettings();
        routes.MapOverview();
        routes.MapHistory();
        routes.MapActions();
        routes.MapCluster();
        routes.MapConsole();
        routes.MapMonitoring(settings, isConfined: true);
        routes.MapDescription(Document);
    }

    /// <summary>Maps the pages that <c>management.confine</c> assigns to one of the two listeners.</summary>
    /// <param name="isConfined">Whether <paramref name="routes"/> are those of the operators' listener.</param>
    public static void MapMonitoring(this IEndpointRouteBuilder routes, ChargingSettings settings, bool isConfined)
    {
        if (settings.Monitoring.HealthCheckEnabled && IsHere(ConfinedPage.Health))
            routes.MapHealth(isForOperators: isConfined);
        if (settings.Monitoring.MetricsEnabled && IsHere(ConfinedPage.Metrics))
            routes.MapMetrics();
        if (!IsHere(ConfinedPage.OpenApi))
            return;
        routes.MapDescription(ApiDescription.Document);
        if (settings.Server.Development)
            routes.MapDescriptionPage();

        bool IsHere(ConfinedPage page) => settings.Management.Confine.Contains(page) == isConfined;
    }

    /// <summary>Documents a route.</summary>
    public static RouteHandlerBuilder Describe(
        this RouteHandlerBuilder route,
        string name,
        string summary,
        string description
    ) =>
        route
            .WithName(name)
            .WithTags(Tag)
            .WithSummary(summary)
            .WithDescription(description)
            .ProducesErrors(401, 403, 429, 500);

    /// <summary>Documents a 400.</summary>
    public static RouteHandlerBuilder ProducesInvalid(this RouteHandlerBuilder route) =>
        route.Produces<ValidationErrorAnswer>(StatusCodes.Status400BadRequest);

    /// <returns>The status of the response.</returns>
    public static async Task<string> WriteConflictAsync(
        this HttpContext context,
        string message,
        TimeSpan? retryAfter = null
    )
    {
        await context.WriteErrorAsync(StatusCodes.Status409Conflict, AnswerStatus.Conflict, message, retryAfter);
        return AnswerStatus.Conflict.Name();
    }

    /// <inheritdoc cref="WriteConflictAsync"/>
    public static async Task<string> WriteAbsentAsync(this HttpContext context)
    {
        await context.WriteErrorAsync(
            StatusCodes.Status404NotFound,
            AnswerStatus.NotFound,
            "No such request, or it is past retention."
        );
        return AnswerStatus.NotFound.Name();
    }

    /// <inheritdoc cref="WriteConflictAsync"/>
    public static async Task<string> WriteJournalUnavailableAsync(this HttpContext context)
    {
        await context.WriteErrorAsync(
            StatusCodes.Status503ServiceUnavailable,
            AnswerStatus.JournalUnavailable,
            "The journal is not available.",
            Intake.JournalRetryAfter
        );
        return AnswerStatus.JournalUnavailable.Name();
    }
}
