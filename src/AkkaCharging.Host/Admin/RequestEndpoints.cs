using AkkaCharging.AddressPolicy;
using AkkaCharging.Host.Http;
using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Admin;

/// <summary>HTTP endpoints to find requests and to show the timeline of one.</summary>
internal static class RequestEndpoints
{
    private const string Route = "/admin/requests";

    /// <summary>Maps everything below <c>/admin/requests</c>.</summary>
    public static void MapRequests(this IEndpointRouteBuilder routes)
    {
        routes
            .MapGet(Route, (HttpContext context, Handler handler) => handler.SearchAsync(context))
            .Describe(
                "findRequests",
                "Matching requests, pending and settled, newest first",
                "Every filter may be left out. Null in next ends the search: a long one returns what it found so far."
            )
            .Produces<RequestsAnswer>()
            .ProducesInvalid()
            .ProducesErrors(503);
        routes
            .MapGet(
                Route + "/{requestId}",
                (string requestId, HttpContext context, Handler handler) => handler.ShowAsync(requestId, context)
            )
            .Describe(
                "showRequest",
                "One request with its past and expected events",
                "Found until the journal's retention is over."
            )
            .Produces<RequestAnswer>()
            .ProducesErrors(404, 503);
    }

    /// <summary>Parses requests, queries the journal and translates the result.</summary>
    internal sealed class Handler(
        IRequestSearch search,
        IRequestJournal journal,
        ChargingService service,
        ChargingSettings settings
    )
    {
        public async Task SearchAsync(HttpContext context)
        {
            var input = new OperatorInput();
            input.KnowOnly(
                context.Request,
                "station",
                "fingerprint",
                "destination",
                "state",
                "cause",
                "from",
                "to",
                "limit",
                "cursor"
            );
            var query = new RequestQuery(
                Station: input.Station(input.Query(context.Request, "station")),
                TokenFingerprint: input.Fingerprint(input.Query(context.Request, "fingerprint")),
                From: input.Time("from", input.Query(context.Request, "from")),
                To: input.Time("to", input.Query(context.Request, "to")),
                Destination: input.Destination(input.Query(context.Request, "destination")),
                State: input.Word<RequestState>("state", input.Query(context.Request, "state"), StateNames.Name),
                Cause: input.Word<AttemptCause>("cause", input.Query(context.Request, "cause"), AttemptCauses.Name)
            );
            var limit = input.Limit(input.Query(context.Request, "limit"));
            var before = input.RequestId("cursor", input.Query(context.Request, "cursor"));
            if (input.Errors.Count > 0)
            {
                await context.WriteValidationErrorAsync(input.Errors);
                return;
            }

            try
            {
                var page = await search.SearchAsync(query, before, limit, context.RequestAborted);
                await context.WriteJsonAsync(
                    StatusCodes.Status200OK,
                    new(
                        [.. page.Requests.Select(FoundRequestAnswer.Of)],
                        page.Next?.ToString(),
                        [.. page.Damaged.Select(row => row.Id.ToString())]
                    ),
                    AdminJson.Default.RequestsAnswer
                );
            }
            catch (JournalUnavailableException)
            {
                await context.WriteJournalUnavailableAsync();
            }
        }

        public async Task ShowAsync(string requestId, HttpContext context)
        {
            try
            {
                var record = RequestId.TryParse(requestId, out var id)
                    ? await journal.FindAsync(id, context.RequestAborted)
                    : null;
                if (record is null)
                    await context.WriteAbsentAsync();
                else
                    await context.WriteJsonAsync(
                        StatusCodes.Status200OK,
                        ToAnswer(record),
                        AdminJson.Default.RequestAnswer
                    );
            }
            catch (DamagedRequestException e)
            {
                await context.WriteDamagedAsync(e.Row.Damage);
            }
            catch (JournalUnavailableException)
            {
                await context.WriteJournalUnavailableAsync();
            }
        }

        private RequestAnswer ToAnswer(RequestRecord record) =>
            new(
                FoundRequestAnswer.Of(record),
                RequestTimeline.Of(record, settings.Callback),
                record.Decision?.Details?.Party,
                record.SettledAt is null
                && CallbackAddressPolicy.ReadDestination(record.Destination) is { } destination
                && service.Receivers.Status(destination) is { } receiver
                    ? DestinationAnswer.Of(receiver)
                    : null
            );
    }
}
