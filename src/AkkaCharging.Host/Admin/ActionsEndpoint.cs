using AkkaCharging.Host.Http;

namespace AkkaCharging.Host.Admin;

/// <summary>Serves the latest changes that operators made.</summary>
internal static class ActionsEndpoint
{
    /// <summary>Maps <c>/admin/actions</c>.</summary>
    public static void MapActions(this IEndpointRouteBuilder routes) =>
        routes
            .MapGet(
                "/admin/actions",
                (HttpContext context, OperatorAudit audit) =>
                    context.WriteJsonAsync(
                        StatusCodes.Status200OK,
                        new ActionsAnswer(audit.Latest),
                        AdminJson.Default.ActionsAnswer
                    )
            )
            .Describe(
                "listActions",
                "The latest changes that operators made on this process, newest first",
                $"In memory and at most {OperatorAudit.KeptMax}: the log has all of them, as event 1301."
            )
            .Produces<ActionsAnswer>();
}
