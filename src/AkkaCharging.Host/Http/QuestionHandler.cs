using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Http;

/// <summary>The validated fields of a synchronous question.</summary>
internal sealed record QuestionFields(StationId Station, DriverToken Token, TimeSpan? ValidFor);

/// <summary>Reads the body of a synchronous question.</summary>
/// <param name="errors">Every broken rule; empty on success.</param>
/// <returns>Null when a rule is broken.</returns>
internal delegate QuestionFields? QuestionReader(ReadOnlySpan<byte> body, out IReadOnlyList<FieldError> errors);

/// <summary>Answers synchronous questions in any format of body and answer.</summary>
internal sealed class QuestionHandler(
    ServerSettings settings,
    CallerAccess access,
    ChargingService service,
    TimeProvider time
)
{
    /// <summary>Admits the caller, reads the question, obtains the decision and writes the answer.</summary>
    public async Task HandleAsync(
        HttpContext context,
        QuestionReader read,
        Func<HttpContext, RequestId, Decision, Task> write
    )
    {
        var (_, rejected) = await access.AdmitAsync(context, rate => rate.Submissions);
        if (rejected is not null)
            return;
        var (body, unread) = await BodyReader.ReadJsonAsync(context, settings, time);
        if (unread is not null)
            return;
        var fields = read(body, out var errors);
        if (fields is null)
        {
            await context.WriteValidationErrorAsync(errors);
            return;
        }

        if (service.Questions.IsClosed)
        {
            await context.WriteErrorAsync(
                StatusCodes.Status503ServiceUnavailable,
                AnswerStatus.ShuttingDown,
                "The service is shutting down.",
                TimeSpan.FromSeconds(1)
            );
            return;
        }

        var id = RequestId.New(time.GetUtcNow());
        var decision = await service.Questions.AskAsync(
            id,
            fields.Station,
            fields.Token,
            fields.ValidFor,
            context.RequestAborted
        );
        if (decision is null)
            await context.WriteErrorAsync(
                StatusCodes.Status503ServiceUnavailable,
                AnswerStatus.QueueFull,
                "Too many questions are in progress.",
                TimeSpan.FromSeconds(1)
            );
        else
            await write(context, id, decision);
    }
}
