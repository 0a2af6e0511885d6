using System.Globalization;
using System.Text.Json.Serialization;
using AkkaCharging.Metrics;
using AkkaCharging.Requests;

namespace AkkaCharging.Host.Http;

/// <summary>Answers the questions that CitrineOS sends to the <c>realTimeAuthUrl</c> of an authorization.</summary>
/// <remarks>
/// A decision that is neither yes nor no is answered with 503: CitrineOS then applies <c>realTimeAuth</c> of the
/// authorization, as it does when the service is unreachable.
/// </remarks>
internal static class CitrineosEndpoint
{
    /// <summary>The name of the operation in the API's description.</summary>
    public const string Operation = "citrineos";

    private const string Route = "/adapters/citrineos/authorize";

    /// <summary>Maps <c>POST /adapters/citrineos/authorize</c>.</summary>
    public static void MapCitrineos(this IEndpointRouteBuilder routes)
    {
        var questions = routes.ServiceProvider.GetRequiredService<QuestionHandler>();
        var reader = routes.ServiceProvider.GetRequiredService<CitrineosReader>();
        routes
            .MapPost(
                Route,
                (Delegate)((HttpContext context) => questions.HandleAsync(context, reader.Read, WriteAsync))
            )
            .WithName(Operation)
            .WithTags("Adapters")
            .WithSummary("Real-time authorization of citrineos")
            .WithDescription("The question that CitrineOS sends to the realTimeAuthUrl of an authorization.")
            .Produces<CitrineosAnswer>()
            .Produces<ValidationErrorAnswer>(StatusCodes.Status400BadRequest)
            .ProducesErrors(401, 403, 408, 413, 415, 429, 500, 503)
            .WithMetadata(AnonymousReads.Exempt);
    }

    private static Task WriteAsync(HttpContext context, RequestId id, Decision decision) =>
        decision.Status == AuthorizationStatus.Unknown
            ? context.WriteErrorAsync(
                StatusCodes.Status503ServiceUnavailable,
                AnswerStatus.Undecided,
                $"There is no answer: {decision.Reason.Name()} ({id})."
            )
            : context.WriteJsonAsync(
                StatusCodes.Status200OK,
                CitrineosAnswer.Of(decision),
                ApiJson.Default.CitrineosAnswer
            );
}

/// <summary>The body of a question from CitrineOS.</summary>
/// <remarks>
/// <c>tenantPartnerId</c>, <c>locationId</c>, <c>evseId</c> and <c>connectorId</c> are ignored: they are keys of
/// CitrineOS's own database.
/// </remarks>
/// <param name="IdToken">The identifier, up to 36 characters.</param>
/// <param name="IdTokenType">The type of the identifier in OCPP 2.0.1, for example <c>ISO14443</c>.</param>
/// <param name="StationId">The UUID of the station, or its <c>external_id</c> in
/// <c>authorization.stationsFile</c>.</param>
internal sealed record CitrineosBody(
    [Field(MinLength = 1, MaxLength = CitrineosReader.IdLengthMax)] string IdToken,
    [Optional, Field(MaxLength = CitrineosReader.TypeLengthMax)] string? IdTokenType,
    [Field(MinLength = 1)] string StationId
);

/// <summary>The body of the answer to CitrineOS.</summary>
/// <param name="Timestamp">When the question was decided, in RFC 3339.</param>
internal sealed record CitrineosAnswer([Field(Format = "date-time")] string Timestamp, CitrineosData Data)
{
    internal static CitrineosAnswer Of(Decision decision) =>
        new(
            decision.DecidedAt.UtcDateTime.ToString("O", CultureInfo.InvariantCulture),
            decision.Status == AuthorizationStatus.Allowed
                ? new("ALLOWED", Reason: null)
                : new(AllowedOf(decision.Reason), decision.Reason.Name())
        );

    private static string AllowedOf(DecisionReason reason) =>
        reason switch
        {
            DecisionReason.Blocked => "BLOCKED",
            DecisionReason.Expired => "EXPIRED",
            DecisionReason.NoCredit => "NO_CREDIT",
            _ => "NOT_ALLOWED",
        };
}

/// <summary>The decision in terms of OCPI.</summary>
/// <param name="Reason">Why the driver may not charge; absent with a yes.</param>
internal sealed record CitrineosData(
    [OneOf("ALLOWED", "BLOCKED", "EXPIRED", "NO_CREDIT", "NOT_ALLOWED")] string Allowed,
    [Optional] [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Reason
);
