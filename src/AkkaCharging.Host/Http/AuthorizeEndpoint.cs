using System.Text.Json.Serialization;
using AkkaCharging.Requests;
using Microsoft.OpenApi;

namespace AkkaCharging.Host.Http;

/// <summary>
/// Answers synchronous questions: may this driver charge here? The response contains the decision, within the deadline.
/// </summary>
internal static class AuthorizeEndpoint
{
    private const string Route = "/api/v1/authorize";

    /// <summary>Maps <c>POST /api/v1/authorize</c>.</summary>
    public static void MapAuthorize(this IEndpointRouteBuilder routes)
    {
        var questions = routes.ServiceProvider.GetRequiredService<QuestionHandler>();
        var reader = routes.ServiceProvider.GetRequiredService<SubmissionReader>();
        routes
            .MapPost(
                Route,
                (Delegate)((HttpContext context) => questions.HandleAsync(context, reader.ReadQuestion, WriteAsync))
            )
            .WithName("authorize")
            .WithTags("Synchronous questions")
            .WithSummary("Ask whether a driver may charge, and wait for the answer")
            .WithDescription(
                "For callers without a callback receiver. Nothing is stored: a caller that gets no answer has to "
                    + "ask again."
            )
            .Produces<AuthorizeAnswer>()
            .Produces<ValidationErrorAnswer>(StatusCodes.Status400BadRequest)
            .ProducesErrors(401, 403, 408, 413, 415, 429, 500, 503)
            .WithMetadata(AnonymousReads.Exempt);
    }

    private static Task WriteAsync(HttpContext context, RequestId id, Decision decision) =>
        context.WriteJsonAsync(
            StatusCodes.Status200OK,
            AuthorizeAnswer.Of(id, decision),
            ApiJson.Default.AuthorizeAnswer
        );
}

/// <summary>The body of a synchronous question.</summary>
/// <param name="StationId">UUID of the charging station, 8-4-4-4-12 hexadecimal digits.</param>
/// <param name="DriverToken">The driver's token, as in a submission.</param>
/// <param name="ValidForMillis">How long the answer is useful: 1,000 to 3,600,000 milliseconds; null is the same as
/// absent.</param>
internal sealed record AuthorizeBody(
    [Field(Format = "uuid")] string StationId,
    [Field(MinLength = 20, MaxLength = 80, Pattern = Patterns.DriverToken)] string DriverToken,
    [Optional, Field(Type = JsonSchemaType.Integer | JsonSchemaType.Null, Minimum = "1000", Maximum = "3600000")]
        int? ValidForMillis
);

/// <summary>The body of the answer to a synchronous question.</summary>
/// <param name="RequestId">The id of the question, as in logs and traces.</param>
/// <param name="Timestamp">When the question was decided, in milliseconds since 1970, as all times here.</param>
/// <param name="Detail">Further details from the authorizer; absent if there are none.</param>
/// <param name="Ocpp16">The status of an Authorize.conf of OCPP 1.6.</param>
/// <param name="Ocpp201">The status of an AuthorizeResponse of OCPP 2.0.1.</param>
internal sealed record AuthorizeAnswer(
    [Field(Pattern = Patterns.RequestId)] string RequestId,
    [OneOf<AuthorizationStatusWords>] string Status,
    [OneOf<DecisionReasonWords>] string Reason,
    long Timestamp,
    [Optional] [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DetailAnswer? Detail,
    [OneOf<Ocpp16Words>] string Ocpp16,
    [OneOf<Ocpp201Words>] string Ocpp201
)
{
    internal static AuthorizeAnswer Of(RequestId id, Decision decision) =>
        new(
            RequestId: id.ToString(),
            Status: decision.Status.Name(),
            Reason: decision.Reason.Name(),
            Timestamp: decision.DecidedAt.ToUnixTimeMilliseconds(),
            Detail: DetailAnswer.Of(decision),
            Ocpp16: decision.Ocpp16(),
            Ocpp201: decision.Ocpp201()
        );
}

/// <summary>Further details from an authorizer; a field that it did not set is null.</summary>
/// <param name="AuthorizationReference">The partner's reference, to be repeated in session and charge detail
/// record.</param>
/// <param name="Language">Language of <paramref name="Text"/>.</param>
/// <param name="Text">Text that may be shown to the driver.</param>
/// <param name="Party">The party that answered.</param>
/// <param name="ValidUntil">Until when the answer is valid.</param>
/// <param name="Group">Group of the token, whose tokens may stop each other's sessions.</param>
internal sealed record DetailAnswer(
    string? AuthorizationReference,
    string? Language,
    string? Text,
    string? Party,
    long? ValidUntil,
    string? Group
)
{
    internal static DetailAnswer? Of(Decision? decision) =>
        decision?.Details is { } details
            ? new(
                details.AuthorizationReference,
                details.Language,
                details.Text,
                details.Party,
                details.ValidUntil?.ToUnixTimeMilliseconds(),
                details.Group
            )
            : null;
}

internal sealed class Ocpp16Words : IWords
{
    public static IEnumerable<string> All => ["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"];
}

internal sealed class Ocpp201Words : IWords
{
    public static IEnumerable<string> All =>
        ["Accepted", "Blocked", "Expired", "NoCredit", "NotAtThisLocation", "ConcurrentTx", "Unknown"];
}
