using AkkaCharging.Host.Http;
using AkkaCharging.Pipeline;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;

namespace AkkaCharging.Host.Admin;

/// <summary>HTTP endpoints to list receivers, and to pause and resume one.</summary>
internal static class DestinationEndpoints
{
    private const string Route = "/admin/destinations";

    /// <summary>Maps everything below <c>/admin/destinations</c>.</summary>
    public static void MapDestinations(this IEndpointRouteBuilder routes)
    {
        routes
            .MapGet(Route, (HttpContext context, Handler handler) => handler.ListAsync(context))
            .Describe(
                "listDestinations",
                "Receivers with pending callbacks, and paused ones",
                "The busiest come first."
            )
            .Produces<DestinationsAnswer>()
            .ProducesInvalid();
        routes
            .MapPost(Route + "/pause", (HttpContext context, Handler handler) => handler.PauseAsync(context))
            .Describe(
                "pauseDestination",
                "Pause the callbacks to one receiver",
                "Until it is resumed or the process ends. Its callbacks use up no attempt meanwhile, but may expire."
            )
            .Produces<DestinationChangeAnswer>()
            .ProducesInvalid()
            .ProducesErrors(408, 409, 413, 415);
        routes
            .MapPost(Route + "/resume", (HttpContext context, Handler handler) => handler.ResumeAsync(context))
            .Describe(
                "resumeDestination",
                "Resume the callbacks to a paused receiver",
                "Those that have not expired are sent."
            )
            .Produces<DestinationChangeAnswer>()
            .ProducesInvalid()
            .ProducesErrors(408, 409, 413, 415);
    }

    /// <summary>Parses requests, calls <see cref="ReceiverRegister"/> and translates the outcome.</summary>
    internal sealed class Handler(ChargingService service, OperatorBodies bodies, OperatorAudit audit)
    {
        // Each paused receiver is kept in memory until it is resumed.
        private const int PausedMax = 1_000;
        private readonly ReceiverRegister _receivers = service.Receivers;

        public async Task ListAsync(HttpContext context)
        {
            var input = new OperatorInput();
            input.KnowOnly(context.Request, "limit");
            var limit = input.Limit(input.Query(context.Request, "limit"));
            if (input.Errors.Count > 0)
                await context.WriteValidationErrorAsync(input.Errors);
            else
                await context.WriteJsonAsync(
                    StatusCodes.Status200OK,
                    new([.. _receivers.Status(limit).Select(DestinationAnswer.Of)]),
                    AdminJson.Default.DestinationsAnswer
                );
        }

        public async Task PauseAsync(HttpContext context)
        {
            if (await ReadAsync(context) is { } destination)
                await audit.RecordAsync(
                    context,
                    "pause",
                    $"{destination}",
                    async () =>
                    {
                        if (_receivers.Status(int.MaxValue).Count(status => status.IsPaused) >= PausedMax)
                            return await context.WriteConflictAsync(
                                $"{PausedMax} destinations are paused; resume one first."
                            );
                        _receivers.Pause(destination);
                        return await WriteChangedAsync(context, "paused", destination);
                    }
                );
        }

        public async Task ResumeAsync(HttpContext context)
        {
            if (await ReadAsync(context) is { } destination)
                await audit.RecordAsync(
                    context,
                    "resume",
                    $"{destination}",
                    () =>
                        _receivers.Resume(destination)
                            ? WriteChangedAsync(context, "resumed", destination)
                            : context.WriteConflictAsync("The destination is not paused.")
                );
        }

        private async Task<DestinationKey?> ReadAsync(HttpContext context)
        {
            if (await bodies.ReadAsync(context, AdminJson.Default.DestinationBody) is not { } body)
                return null;
            var input = new OperatorInput();
            var destination = input.Destination(body.Destination ?? "");
            if (destination is null)
                await context.WriteValidationErrorAsync(input.Errors);
            return destination;
        }

        private static async Task<string> WriteChangedAsync(
            HttpContext context,
            string status,
            DestinationKey destination
        )
        {
            await context.WriteJsonAsync(
                StatusCodes.Status200OK,
                new(status, destination.ToString(), context.Now()),
                AdminJson.Default.DestinationChangeAnswer
            );
            return status;
        }
    }
}
