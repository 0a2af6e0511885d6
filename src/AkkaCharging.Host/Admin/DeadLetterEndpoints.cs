using AkkaCharging.DeadLetters;
using AkkaCharging.Host.Http;
using AkkaCharging.Journal;
using AkkaCharging.Metrics;
using AkkaCharging.Requests;

namespace AkkaCharging.Host.Admin;

/// <summary>HTTP endpoints to list, redrive and discard dead letters.</summary>
internal static class DeadLetterEndpoints
{
    private const string Route = "/admin/dead-letters";

    /// <summary>Maps everything below <c>/admin/dead-letters</c>.</summary>
    public static void MapDeadLetters(this IEndpointRouteBuilder routes)
    {
        routes
            .MapGet(Route, (HttpContext context, Handler handler) => handler.ListAsync(context))
            .Describe(
                "listDeadLetters",
                "Requests that failed and can be redriven, newest first",
                "Every filter may be left out. Null in next ends the list."
            )
            .Produces<DeadLettersAnswer>()
            .ProducesInvalid()
            .ProducesErrors(503);
        routes
            .MapPost(
                Route + "/{requestId}/redrive",
                (string requestId, HttpContext context, Handler handler) => handler.RedriveAsync(requestId, context)
            )
            .Describe(
                "redriveDeadLetter",
                "Send one again",
                "Its decision stays what it was, and the callback has the same webhook-id."
            )
            .Produces<LetterChangeAnswer>()
            .ProducesErrors(404, 409, 415, 503);
        routes
            .MapPost(
                Route + "/{requestId}/discard",
                (string requestId, HttpContext context, Handler handler) => handler.DiscardAsync(requestId, context)
            )
            .Describe(
                "discardDeadLetter",
                "Discard a dead letter",
                "It can no longer be redriven: its secrets are erased at once."
            )
            .Produces<LetterChangeAnswer>()
            .ProducesErrors(404, 409, 415, 503);
        routes
            .MapPost(Route + "/redrive", (HttpContext context, Handler handler) => handler.RedriveAllAsync(context))
            .Describe(
                "redriveDeadLetters",
                "Redrive all matching dead letters in the background",
                "At least one filter is needed, or all. One bulk redrive runs at a time."
            )
            .Produces<BulkRedriveAnswer>(StatusCodes.Status202Accepted)
            .ProducesInvalid()
            .ProducesErrors(408, 409, 413, 415, 503);
        routes
            .MapGet(Route + "/preview", (HttpContext context, Handler handler) => handler.PreviewAsync(context))
            .Describe(
                "previewRedrive",
                "What a bulk redrive would send again: how many, by cause and age",
                "Takes the filters of the redrive. Its matched, sent as count, confirms the redrive."
            )
            .Produces<RedrivePreviewAnswer>()
            .ProducesInvalid()
            .ProducesErrors(503);
        routes
            .MapGet(Route + "/redrive", (HttpContext context, Handler handler) => handler.ProgressAsync(context))
            .Describe(
                "followRedrive",
                "Progress of the latest bulk redrive",
                "Kept until the next one or the end of the process."
            )
            .Produces<BulkRedriveAnswer>()
            .ProducesErrors(404);
        routes
            .MapPost(Route + "/redrive/cancel", (HttpContext context, Handler handler) => handler.CancelAsync(context))
            .Describe(
                "cancelRedrive",
                "Cancel the bulk redrive",
                "Dead letters redriven so far are delivered as usual."
            )
            .Produces<BulkRedriveAnswer>(StatusCodes.Status202Accepted)
            .ProducesErrors(409, 415);
    }

    /// <summary>Parses requests, calls <see cref="DeadLetterOperations"/> and translates the outcome.</summary>
    internal sealed class Handler(DeadLetterOperations letters, OperatorBodies bodies, OperatorAudit audit)
    {
        private static readonly string[] Filters = ["destination", "from", "to", "cause", "acceptedFrom", "acceptedTo"];

        public async Task ListAsync(HttpContext context)
        {
            var input = new OperatorInput();
            input.KnowOnly(context.Request, [.. Filters, "limit", "cursor"]);
            var query = ReadQuery(context, input);
            var limit = input.Limit(input.Query(context.Request, "limit"));
            var cursor = input.Cursor(input.Query(context.Request, "cursor"));
            if (input.Errors.Count > 0)
            {
                await context.WriteValidationErrorAsync(input.Errors);
                return;
            }

            try
            {
                var page = await letters.ListAsync(query, cursor, limit, context.RequestAborted);
                var answer = new DeadLettersAnswer(
                    [.. page.Letters.Select(ToAnswer)],
                    page.Next?.ToString(),
                    [.. page.Damaged.Select(row => row.Id.ToString())]
                );
                await context.WriteJsonAsync(StatusCodes.Status200OK, answer, AdminJson.Default.DeadLettersAnswer);
            }
            catch (JournalUnavailableException)
            {
                await context.WriteJournalUnavailableAsync();
            }
        }

        public async Task PreviewAsync(HttpContext context)
        {
            var input = new OperatorInput();
            input.KnowOnly(context.Request, Filters);
            var query = ReadQuery(context, input);
            if (input.Errors.Count > 0)
            {
                await context.WriteValidationErrorAsync(input.Errors);
                return;
            }

            try
            {
                var preview = await letters.PreviewAsync(query, context.RequestAborted);
                await context.WriteJsonAsync(
                    StatusCodes.Status200OK,
                    RedrivePreviewAnswer.Of(preview),
                    AdminJson.Default.RedrivePreviewAnswer
                );
            }
            catch (JournalUnavailableException)
            {
                await context.WriteJournalUnavailableAsync();
            }
        }

        public Task RedriveAsync(string requestId, HttpContext context) =>
            ChangeAsync(
                context,
                "redrive",
                requestId,
                async id =>
                    await letters.RedriveAsync(id, CancellationToken.None) switch
                    {
                        RedriveOutcome.Redriven => await WriteChangedAsync(context, "redriven", id),
                        RedriveOutcome.NotFound => await context.WriteAbsentAsync(),
                        RedriveOutcome.NotDeadLetter => await WriteOtherwiseAsync(context),
                        RedriveOutcome.Damaged => await context.WriteConflictAsync(
                            "The stored request cannot be decrypted; it stays unchanged."
                        ),
                        _ => await context.WriteConflictAsync(
                            "The queue has no room for the request at present, or the service is stopping. Try "
                                + "again later.",
                            TimeSpan.FromSeconds(1)
                        ),
                    }
            );

        public Task DiscardAsync(string requestId, HttpContext context) =>
            ChangeAsync(
                context,
                "discard",
                requestId,
                async id =>
                    await letters.DiscardAsync(id, CancellationToken.None) switch
                    {
                        DiscardOutcome.Discarded => await WriteChangedAsync(context, "discarded", id),
                        DiscardOutcome.NotFound => await context.WriteAbsentAsync(),
                        _ => await WriteOtherwiseAsync(context),
                    }
            );

        /// <summary>Makes an audited change to one request.</summary>
        private Task ChangeAsync(
            HttpContext context,
            string action,
            string requestId,
            Func<RequestId, Task<string>> change
        ) =>
            RequestId.TryParse(requestId, out var id)
                ? audit.RecordAsync(context, action, $"{id}", () => change(id))
                : context.WriteAbsentAsync();

        public async Task RedriveAllAsync(HttpContext context)
        {
            if (await bodies.ReadAsync(context, AdminJson.Default.BulkRedriveBody) is not { } body)
                return;
            var input = new OperatorInput();
            var query = input.DeadLetters(
                body.Destination,
                OperatorInput.TimeText(body.From),
                OperatorInput.TimeText(body.To),
                body.Cause,
                OperatorInput.TimeText(body.AcceptedFrom),
                OperatorInput.TimeText(body.AcceptedTo)
            );
            var hasFilter = query != new DeadLetterQuery();
            if (input.Errors.Count == 0 && hasFilter == (body.All ?? false))
                input.Refuse("all", "Set at least one filter, or set only all = true for every dead letter.");
            if (body.Count < 0)
                input.Refuse("count", "Invalid count. Must be the value of matched from a preview.");
            if (input.Errors.Count > 0)
            {
                await context.WriteValidationErrorAsync(input.Errors);
                return;
            }

            await audit.RecordAsync(
                context,
                "redrive many",
                hasFilter ? Shown(query) : "all",
                async () =>
                {
                    var (outcome, matched, progress) = await letters.RedriveAllAsync(
                        query,
                        body.Count,
                        CancellationToken.None
                    );
                    if (outcome == BulkOutcome.NotConfirmed)
                        return await context.WriteConflictAsync(
                            $"{matched} dead letters match, and {body.Count} were confirmed. Look at the preview again."
                        );
                    if (progress is null)
                        return await context.WriteConflictAsync(
                            "Another bulk redrive is running, or the service is stopping."
                        );
                    await context.WriteJsonAsync(
                        StatusCodes.Status202Accepted,
                        BulkRedriveAnswer.Of(progress),
                        AdminJson.Default.BulkRedriveAnswer
                    );
                    return $"started for {matched} matching dead letters";
                }
            );
        }

        public Task ProgressAsync(HttpContext context) =>
            letters.Bulk is { } progress
                ? context.WriteJsonAsync(
                    StatusCodes.Status200OK,
                    BulkRedriveAnswer.Of(progress),
                    AdminJson.Default.BulkRedriveAnswer
                )
                : context.WriteErrorAsync(
                    StatusCodes.Status404NotFound,
                    AnswerStatus.NotFound,
                    "No bulk redrive has been started since the service started."
                );

        public Task CancelAsync(HttpContext context) =>
            audit.RecordAsync(
                context,
                "cancel",
                "bulk redrive",
                async () =>
                {
                    if (!letters.CancelBulk())
                        return await context.WriteConflictAsync("No bulk redrive is running.");
                    await context.WriteJsonAsync(
                        StatusCodes.Status202Accepted,
                        BulkRedriveAnswer.Of(letters.Bulk!),
                        AdminJson.Default.BulkRedriveAnswer
                    );
                    return "cancelled";
                }
            );

        private static DeadLetterQuery ReadQuery(HttpContext context, OperatorInput input)
        {
            return input.DeadLetters(
                Of("destination"),
                Of("from"),
                Of("to"),
                Of("cause"),
                Of("acceptedFrom"),
                Of("acceptedTo")
            );

            string? Of(string name) => input.Query(context.Request, name);
        }

        private static async Task<string> WriteChangedAsync(HttpContext context, string status, RequestId id)
        {
            await context.WriteJsonAsync(
                StatusCodes.Status200OK,
                new(status, id.ToString(), context.Now()),
                AdminJson.Default.LetterChangeAnswer
            );
            return status;
        }

        private static Task<string> WriteOtherwiseAsync(HttpContext context) =>
            context.WriteConflictAsync(
                "The request is not a dead letter: it did not fail, or it was already " + "discarded or redriven."
            );

        private static string Shown(DeadLetterQuery query) =>
            string.Join(
                ", ",
                new[]
                {
                    query.Destination is { } destination ? $"destination {destination}" : null,
                    query.From is { } from ? $"from {from:O}" : null,
                    query.To is { } to ? $"to {to:O}" : null,
                    query.Cause is { } cause ? $"cause {cause.Name()}" : null,
                    query.AcceptedFrom is { } acceptedFrom ? $"accepted from {acceptedFrom:O}" : null,
                    query.AcceptedTo is { } acceptedTo ? $"accepted to {acceptedTo:O}" : null,
                }.OfType<string>()
            );

        private static DeadLetterAnswer ToAnswer(DeadLetter letter) =>
            new(
                RequestId: letter.Id.ToString(),
                StationId: letter.StationId,
                DriverToken: letter.DriverTokenMasked,
                Destination: letter.Destination,
                Status: letter.Status?.Name(),
                Attempts: letter.Attempts,
                LastAttempt: letter.LastAttempt is { } attempt ? OperatorAttemptAnswer.Of(attempt) : null,
                AcceptedAt: letter.AcceptedAt.ToUnixTimeMilliseconds(),
                SettledAt: letter.SettledAt.ToUnixTimeMilliseconds()
            );
    }
}
