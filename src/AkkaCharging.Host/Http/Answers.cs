using System.Text.Json.Serialization;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;
using Microsoft.OpenApi;

namespace AkkaCharging.Host.Http;

/// <summary>The body of a 200 to a submission.</summary>
/// <param name="Timestamp">Time of the answer, in milliseconds since 1970.</param>
internal sealed record AcceptedAnswer(
    [OneOf<AcceptedWords>] string Status,
    string Message,
    [Field(Pattern = Patterns.RequestId)] string RequestId,
    long Timestamp
);

/// <summary>The body of every error.</summary>
/// <param name="Status">The error for programs.</param>
/// <param name="Message">The error for people.</param>
/// <param name="Timestamp">Time of the answer, in milliseconds since 1970.</param>
internal sealed record ErrorAnswer([OneOf<ErrorWords>] string Status, string Message, long Timestamp);

/// <summary>The body of a 400, with every broken rule.</summary>
/// <param name="Message">The first broken rule.</param>
internal sealed record ValidationErrorAnswer(
    [OneOf<ValidationErrorWords>] string Status,
    string Message,
    [Field(MinItems = 1)] IReadOnlyList<FieldError> Errors,
    long Timestamp
);

/// <summary>A broken rule.</summary>
/// <param name="Field">The field, <c>body</c> for the whole body, or the header's name.</param>
/// <param name="Hint">That the field is missing, and which field of the body may be meant for it; absent otherwise.
/// </param>
internal sealed record FieldError(
    string Field,
    string Message,
    [Optional] [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Hint = null
);

/// <summary>The body of a status look-up.</summary>
/// <param name="State">The state: <c>queued</c>, <c>decided</c>, <c>delivered</c>, <c>failed</c> or
/// <c>expired</c>.</param>
/// <param name="Status">The decision: <c>allowed</c>, <c>not_allowed</c> or <c>unknown</c>; null while undecided, as
/// are <paramref name="Reason"/> and <paramref name="DecidedAt"/>.</param>
/// <param name="AcceptedAt">When the request was accepted, in milliseconds since 1970, as all times here.</param>
/// <param name="Detail">Further details from the authorizer; absent if there are none.</param>
internal sealed record SessionAnswer(
    [Field(Pattern = Patterns.RequestId)] string RequestId,
    [Field(Format = "uuid")] string StationId,
    [Field(Pattern = Patterns.MaskedDriverToken)] string DriverToken,
    [OneOf<RequestStateWords>] string State,
    [OneOf<AuthorizationStatusWords>] string? Status,
    [OneOf<DecisionReasonWords>] string? Reason,
    long AcceptedAt,
    long? DecidedAt,
    long? SettledAt,
    IReadOnlyList<AttemptAnswer> Attempts,
    [Optional] [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DetailAnswer? Detail
);

/// <summary>A callback attempt in a status look-up.</summary>
/// <param name="HttpStatus">The status of the receiver's answer; null without an answer.</param>
/// <param name="Outcome">The outcome: <c>success</c>, <c>http_error</c>, <c>network_error</c> or
/// <c>timeout</c>.</param>
/// <param name="Cause">Why the attempt failed; null for a success. <c>no_address</c> stands for all attempts in a row
/// without an allowed address, and does not reveal whether the name exists.</param>
internal sealed record AttemptAnswer(
    long At,
    long DurationMs,
    int? HttpStatus,
    [OneOf<CallerOutcomeWords>] string Outcome,
    [OneOf<CallerCauseWords>] string? Cause
)
{
    internal static AttemptAnswer Of(CallerAttempt shown) =>
        new(
            shown.Attempt.At.ToUnixTimeMilliseconds(),
            (long)shown.Attempt.Duration.TotalMilliseconds,
            shown.Attempt.HttpStatus,
            shown.Attempt.Outcome.Name(),
            shown.Cause
        );
}

/// <summary>Serializers for every body of the API, generated at build time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(AcceptedAnswer))]
[JsonSerializable(typeof(ErrorAnswer))]
[JsonSerializable(typeof(ValidationErrorAnswer))]
[JsonSerializable(typeof(SessionAnswer))]
[JsonSerializable(typeof(SubmissionBody))]
[JsonSerializable(typeof(AuthorizeBody))]
[JsonSerializable(typeof(AuthorizeAnswer))]
[JsonSerializable(typeof(CitrineosBody))]
[JsonSerializable(typeof(CitrineosAnswer))]
internal sealed partial class ApiJson : JsonSerializerContext;

/// <summary>The body of a submission.</summary>
/// <remarks>
/// For the API's description only: the body is read by <see cref="SubmissionReader"/>, which is stricter than a
/// serializer.
/// </remarks>
/// <param name="StationId">UUID of the charging station, 8-4-4-4-12 hexadecimal digits.</param>
/// <param name="DriverToken">20 to 80 letters, digits, '-', '.', '_' or '~'.</param>
/// <param name="CallbackUrl">Absolute http or https URL of at most 2,048 characters that the address policy allows.
/// Path and query are sent byte for byte; characters that RFC 3986 does not allow there must be
/// percent-encoded.</param>
/// <param name="ValidForMillis">How long the answer is useful: 1,000 to 3,600,000 milliseconds; null is the same as
/// absent.</param>
/// <param name="CallbackFormat"><c>default</c>: the callback has four fields; <c>extended</c>: further details of the
/// decision follow them.</param>
internal sealed record SubmissionBody(
    [Field(Format = "uuid")] string StationId,
    [Field(MinLength = 20, MaxLength = 80, Pattern = Patterns.DriverToken)] string DriverToken,
    [Field(MaxLength = CallbackAddressPolicy.UrlCharsMax, Format = "uri")] string CallbackUrl,
    [Optional, Field(Type = JsonSchemaType.Integer | JsonSchemaType.Null, Minimum = "1000", Maximum = "3600000")]
        int? ValidForMillis,
    [Optional, OneOf<CallbackFormatWords>] string? CallbackFormat
);
