using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Unicode;
using AkkaCharging.Requests;

namespace AkkaCharging.Callbacks;

/// <summary>
/// Writes the body of a callback, which is identical in every attempt, also after a restart or a redrive.
/// </summary>
internal static class CallbackBody
{
    // The sum of a station id (36 characters), a token (80), a status (11), a time (20 digits) and the text around
    // them.
    private const int DefaultBytesMax = 256;

    private static readonly ExtendedJson Extended = new(
        // Names and texts of partners are meant for people, so only what JSON requires is escaped.
        new JsonSerializerOptions(ExtendedJson.Default.Options)
        {
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        }
    );

    /// <summary>Writes the body in the format of <paramref name="request"/>.</summary>
    public static byte[] Of(ChargingRequest request, Decision decision) =>
        request.Format == CallbackFormat.Extended ? OfExtended(request, decision) : OfDefault(request, decision);

    // Written byte for byte as the contract shows it; no field can hold a character that JSON would escape.
    private static byte[] OfDefault(ChargingRequest request, Decision decision)
    {
        var (station, token, status) = (request.Station.Text, request.Token.Secret, decision.Status.Name());
        var decidedAt = decision.DecidedAt.ToUnixTimeMilliseconds();
        Span<byte> body = stackalloc byte[DefaultBytesMax];
        var fits = Utf8.TryWrite(
            body,
            CultureInfo.InvariantCulture,
            $$"""{"station_id":"{{station}}","driver_token":"{{token}}","status":"{{status}}","timestamp":{{decidedAt}}}""",
            out var length
        );
        return fits
            ? body[..length].ToArray()
            : throw new InvalidOperationException("The callback's body is longer than its fields can be.");
    }

    private static byte[] OfExtended(ChargingRequest request, Decision decision)
    {
        var details = decision.Details;
        return JsonSerializer.SerializeToUtf8Bytes(
            new ExtendedBody(
                StationId: request.Station.Text,
                DriverToken: request.Token.Secret,
                Status: decision.Status.Name(),
                Timestamp: decision.DecidedAt.ToUnixTimeMilliseconds(),
                Reason: decision.Reason.Name(),
                AuthorizationReference: details?.AuthorizationReference,
                Info: details?.Text is { } text ? new ExtendedInfo(details.Language, text) : null,
                Party: details?.Party,
                ValidUntil: details?.ValidUntil?.ToUnixTimeMilliseconds(),
                Group: details?.Group,
                Ocpp16: decision.Ocpp16(),
                Ocpp201: decision.Ocpp201()
            ),
            Extended.ExtendedBody
        );
    }
}

/// <summary>The body of the format <c>extended</c>; null fields are omitted.</summary>
internal sealed record ExtendedBody(
    string StationId,
    string DriverToken,
    string Status,
    long Timestamp,
    string Reason,
    string? AuthorizationReference,
    ExtendedInfo? Info,
    string? Party,
    long? ValidUntil,
    string? Group,
    string Ocpp16,
    string Ocpp201
);

/// <summary>A text for the driver.</summary>
internal sealed record ExtendedInfo(string? Language, string Text);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(ExtendedBody))]
internal sealed partial class ExtendedJson : JsonSerializerContext;
