using System.Text.Json.Serialization;
using AkkaCharging.Host.Http;

namespace AkkaCharging.Host.Description;

/// <summary>
/// The body of a callback as the API's description shows it; the service writes it byte for byte itself.
/// </summary>
/// <param name="StationId">The stationId of the submission.</param>
/// <param name="DriverToken">The driverToken of the submission.</param>
/// <param name="Timestamp">When it was decided: milliseconds since 1970.</param>
/// <param name="Reason">This field and those that follow are there with <c>callbackFormat</c> <c>extended</c>
/// only.</param>
/// <param name="AuthorizationReference">The partner's reference, to be repeated in session and charge detail
/// record.</param>
/// <param name="Info">What the driver may be shown.</param>
/// <param name="Party">Who answered, such as <c>NL-TNM</c>.</param>
/// <param name="ValidUntil">How long the answer holds: milliseconds since 1970.</param>
/// <param name="Group">Tokens of one group may stop each other's sessions.</param>
/// <param name="Ocpp16">The status of OCPP 1.6 that says the same.</param>
/// <param name="Ocpp201">The status of OCPP 2.0.1 that says the same.</param>
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
/// <param name="Language">BCP 47 tag such as <c>en</c>.</param>
internal sealed record CallbackInfo(
    [property: JsonPropertyName("text")] string Text,
    [Optional] [property: JsonPropertyName("language")] string? Language = null
);
