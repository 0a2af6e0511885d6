using System.Diagnostics;
using AkkaCharging.Journal;
using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Http;

/// <summary>The public API: submit a request, and look up its state.</summary>
internal static class ChargingSessionEndpoints
{
    private const string Route = "/api/v1/charging-session";
    private const string IdempotencyKeyHeader = "Idempotency-Key";
    private const int IdempotencyKeyLengthMax = 255;

    /// <summary>Maps <c>POST</c> and <c>GET</c> below <c>/api/v1/charging-session</c>.</summary>
    public static void MapChargingSessions(this IEndpointRouteBuilder routes)
    {
        // Resolved here, because resolving from a request's own services would create a scope for it.
        var handler = routes.ServiceProvider.GetRequiredService<SubmitHandler>();
        routes
            .MapPost(Route, (Delegate)handler.HandleAsync)
            .WithName("submit")
            .WithTags("Charging sessions")
            .WithSummary("Submit a charging session for authorization")
            .WithDescription("Responds once the request is stored; the decision is sent to callbackUrl.")
            .Produces<AcceptedAnswer>()
            .Produces<ValidationErrorAnswer>(StatusCodes.Status400BadRequest)
            .ProducesErrors(401, 403, 408, 409, 413, 415, 429, 500, 503)
            .WithMetadata(AnonymousReads.Exempt);
        var lookUp = routes
            .MapGet(Route + "/{requestId}", FindAsync)
            .WithName("follow")
            .WithTags("Charging sessions")
            .WithSummary("The state of a request")
            .WithDescription("Until the journal's retention is over. With API keys, only its caller finds it.")
            .Produces<SessionAnswer>()
            .ProducesErrors(401, 403, 404, 429, 500, 503);
        if (routes.ServiceProvider.GetRequiredService<CallerAccess>().NeedsProof)
            lookUp.WithMetadata(AnonymousReads.Exempt);
    }

    private static async Task FindAsync(
        string requestId,
        HttpContext context,
        IRequestJournal journal,
        CallerAccess access,
        ChargingSettings settings,
        TimeProvider time
    )
    {
        // Without keys and certificates, AnonymousReads limits look-ups by address.
        var (caller, rejected) = access.NeedsProof
            ? await access.AdmitAsync(context, rate => rate.LookUps)
            : (null, null);
        if (rejected is not null)
            return;

        try
        {
            // A request of another caller is answered like one that never existed.
            var record = RequestId.TryParse(requestId, out var id)
                ? await journal.FindAsync(id, context.RequestAborted)
                : null;
            var shown = record is null
                ? null
                : CallerView.Of(record, settings.Callback, settings.Journal.Retention, time.GetUtcNow());
            if (record is null || shown is null || !IsShownTo(caller, record.ApiKeyName))
                await WriteAbsentAsync(context);
            else
                await context.WriteJsonAsync(
                    StatusCodes.Status200OK,
                    ToAnswer(record, shown),
                    ApiJson.Default.SessionAnswer
                );
        }
        catch (DamagedRequestException e)
        {
            if (IsShownTo(caller, e.ApiKeyName))
                await context.WriteDamagedAsync("The log of the service has the reason.");
            else
                await WriteAbsentAsync(context);
        }
        catch (JournalUnavailableException)
        {
            await context.WriteErrorAsync(
                StatusCodes.Status503ServiceUnavailable,
                AnswerStatus.JournalUnavailable,
                "The journal is not available.",
                Intake.JournalRetryAfter
            );
        }
    }

    private static bool IsShownTo(ApiKeyCaller? caller, string? apiKeyName) =>
        caller is null || string.Equals(apiKeyName, caller.Name, StringComparison.Ordinal);

    private static Task WriteAbsentAsync(HttpContext context) =>
        context.WriteErrorAsync(
            StatusCodes.Status404NotFound,
            AnswerStatus.NotFound,
            "No such request, or it settled too long ago."
        );

    private static SessionAnswer ToAnswer(RequestRecord record, CallerRecord shown) =>
        new(
            RequestId: record.Id.ToString(),
            StationId: record.StationId,
            DriverToken: record.DriverTokenMasked,
            State: shown.State.Name(),
            Status: record.Decision?.Status.Name(),
            Reason: record.Decision?.Reason.Name(),
            AcceptedAt: record.AcceptedAt.ToUnixTimeMilliseconds(),
            DecidedAt: record.Decision?.DecidedAt.ToUnixTimeMilliseconds(),
            SettledAt: shown.SettledAt?.ToUnixTimeMilliseconds(),
            Attempts: [.. shown.Attempts.Select(AttemptAnswer.Of)],
            Detail: DetailAnswer.Of(record.Decision)
        );

    /// <summary>
    /// Parses a submission, passes it to the intake and translates the outcome. Each rejection is one line of the
    /// contract's answer table.
    /// </summary>
    internal sealed class SubmitHandler(
        ServerSettings settings,
        CallerAccess access,
        SubmissionReader reader,
        IRequestJournal journal,
        Intake intake,
        IMetricsSink metrics,
        TimeProvider time
    )
    {
        public async Task HandleAsync(HttpContext context)
        {
            var startedAt = time.GetTimestamp();
            var status = AnswerStatus.InternalError;
            try
            {
                status = await AnswerAsync(context);
            }
            finally
            {
                metrics.Tell(new SubmissionAnswered(status, time.GetElapsedTime(startedAt)));
            }
        }

        private async ValueTask<AnswerStatus> AnswerAsync(HttpContext context)
        {
            var (caller, rejected) = await access.AdmitAsync(context, rate => rate.Submissions);
            if (rejected is { } refusal)
                return refusal;
            var (body, unread) = await BodyReader.ReadJsonAsync(context, settings, time);
            if (unread is { } problem)
                return problem;
            var fields = reader.Read(body, out var errors);
            if (fields is null)
                return await RefuseFieldsAsync(context, errors);
            if (caller is not null && !caller.MayCall(fields.Callback.Destination.Host))
                return await RefuseAsync(
                    context,
                    403,
                    AnswerStatus.Forbidden,
                    "The API key may not call back to this host."
                );
            if (!TryReadIdempotencyKey(context.Request, out var key))
                return await RefuseFieldsAsync(
                    context,
                    [new(IdempotencyKeyHeader, "Invalid Idempotency-Key. Must be 1-255 printable ASCII characters.")]
                );

            return await TranslateAsync(context, await SubmitAsync(fields, caller, key));
        }

        private async ValueTask<IntakeResult> SubmitAsync(SubmissionFields fields, ApiKeyCaller? caller, string? key)
        {
            try
            {
                var claim = key is null
                    ? null
                    : journal.Hasher.Claim(
                        caller?.Name,
                        key,
                        fields.Station.Value.ToString(), // equal for all spellings
                        fields.Token.Secret,
                        fields.Callback.Text,
                        fields.Format == CallbackFormat.Default
                            ? fields.ValidFor?.ToString() ?? ""
                            : $"{fields.ValidFor} {fields.Format.Name()}"
                    );
                var trace = Activity.Current?.Context ?? default;
                return await intake.SubmitAsync(
                    new(
                        fields.Station,
                        fields.Token,
                        fields.Callback,
                        fields.ValidFor,
                        ApiKeyName: caller?.Name,
                        Idempotency: claim,
                        Trace: trace,
                        fields.Format
                    )
                );
            }
            catch (JournalUnavailableException)
            {
                return new(IntakeOutcome.JournalUnavailable, RetryAfter: Intake.JournalRetryAfter);
            }
        }

        private ValueTask<AnswerStatus> TranslateAsync(HttpContext context, IntakeResult result) =>
            result.Outcome switch
            {
                IntakeOutcome.Accepted => AcceptAsync(context, result.Id, isReplay: false),
                IntakeOutcome.Replayed => AcceptAsync(context, result.Id, isReplay: true),
                IntakeOutcome.Conflict => RefuseAsync(
                    context,
                    409,
                    AnswerStatus.Conflict,
                    "The Idempotency-Key was used with other field values."
                ),
                IntakeOutcome.QueueFull => RefuseAsync(
                    context,
                    503,
                    AnswerStatus.QueueFull,
                    "Too many requests are pending.",
                    result.RetryAfter
                ),
                IntakeOutcome.DestinationBacklogged => RefuseAsync(
                    context,
                    503,
                    AnswerStatus.DestinationBacklogged,
                    "Too many requests are pending for this callback destination.",
                    result.RetryAfter
                ),
                IntakeOutcome.JournalUnavailable => RefuseAsync(
                    context,
                    503,
                    AnswerStatus.JournalUnavailable,
                    "The journal is not available.",
                    result.RetryAfter
                ),
                _ => RefuseAsync(
                    context,
                    503,
                    AnswerStatus.ShuttingDown,
                    "The service is shutting down.",
                    TimeSpan.FromSeconds(1)
                ),
            };

        private async ValueTask<AnswerStatus> AcceptAsync(HttpContext context, RequestId id, bool isReplay)
        {
            if (isReplay)
                context.Response.Headers["Idempotent-Replay"] = "true";
            var answer = new AcceptedAnswer(
                AnswerStatus.Accepted.Name(),
                "Request queued for async processing.",
                id.ToString(),
                time.GetUtcNow().ToUnixTimeMilliseconds()
            );
            await context.WriteJsonAsync(StatusCodes.Status200OK, answer, ApiJson.Default.AcceptedAnswer);
            return isReplay ? AnswerStatus.Replayed : AnswerStatus.Accepted;
        }

        private static async ValueTask<AnswerStatus> RefuseAsync(
            HttpContext context,
            int statusCode,
            AnswerStatus status,
            string message,
            TimeSpan? retryAfter = null
        )
        {
            await context.WriteErrorAsync(statusCode, status, message, retryAfter);
            return status;
        }

        private static async ValueTask<AnswerStatus> RefuseFieldsAsync(
            HttpContext context,
            IReadOnlyList<FieldError> errors
        )
        {
            await context.WriteValidationErrorAsync(errors);
            return AnswerStatus.ValidationError;
        }

        private static bool TryReadIdempotencyKey(HttpRequest request, out string? key)
        {
            var values = request.Headers[IdempotencyKeyHeader];
            key = values.Count == 0 ? null : values.ToString();
            return key is null
                || (
                    values.Count == 1
                    && key.Length is >= 1 and <= IdempotencyKeyLengthMax
                    && key.All(character => character is >= ' ' and <= '~')
                );
        }
    }
}
