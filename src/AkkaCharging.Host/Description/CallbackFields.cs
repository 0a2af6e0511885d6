using System.Text.Json.Serialization;
using AkkaCharging.Host.Http;

namespace AkkaCharging.Host.Description;

/// <summary>
/// The body of a callback, for the API's description only; the service writes it byte for byte itself.
/// </summary>
/// <param name="StationId">The stationId of the submission.</param>
/// <param name="DriverToken">The driverToken of the submission.</param>
/// <param name="Timestamp">When the request was decided, in milliseconds since 1970.</param>
/// <param name="Reason">Why the decision was made. This field and the following ones exist with <c>callbackFormat</c>
/// <c>extended</c> only.</param>
/// <param name="AuthorizationReference">The partner's reference, to be repeated in session and charge detail
/// record.</param>
/// <param name="Info">Text that may be shown to the driver.</param>
/// <param name="Party">The party that answered, for example <c>NL-TNM</c>.</param>
/// <param name="ValidUntil">Until when the answer is valid, in milliseconds since 1970.</param>
/// <param name="Group">Group of the token, whose tokens may stop each other's sessions.</param>
/// <param name="Ocpp16">The corresponding status of OCPP 1.6.</param>
/// <param name="Ocpp201">The corresponding status of OCPP 2.0.1.</param>
internal sealed record CallbackFields(
    [Field(Format = "uuid")] [property: JsonPropertyName("station_id")] string StationId,
    [property: JsonPropertyName("driver_token")] string DriverToken,
    [OneOf<AuthorizationStatusWords>] [property: JsonPropertyName("status")] string Status,
    [property: JsonPropertyName("timestamp")] long Timestamp,
    [Optional, OneOf<DecisionReasonWords>] [property: JsonPropertyName("reason")] string? Reason,
    [Optional] [property: JsonPropertyName("authorization_reference")] string? AuthorizationReference,
    [Optional] [property: JsonPropertyName("info")] CallbackInfo? Info,
    [Optional] [property: JsonPropertyName("party")] string? Party,
    [Optional] [property: JsonPropertyName("valid_until")] long? ValidUntil,
    [Optional] [property: JsonPropertyName("group")] string? Group,
    [Optional] [property: JsonPropertyName("ocpp16")] string? Ocpp16,
    [Optional] [property: JsonPropertyName("ocpp201")] string? Ocpp201
);

/// <summary>A text for the driver.</summary>
/// <param name="Language">Language of the text, a BCP 47 tag such as <c>en</c>.</param>
internal sealed record CallbackInfo(
    [property: JsonPropertyName("text")] string Text,
    [Optional] [property: JsonPropertyName("language")] string? Language = null
);
