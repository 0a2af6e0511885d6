using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AkkaCharging.Peers;

/// <summary>The body of a submission.</summary>
internal sealed record Submission(string? StationId, string? DriverToken, string? CallbackUrl);

/// <summary>The body of a 200.</summary>
internal sealed record Answer(string Status, string Message, string RequestId, long Timestamp);

/// <summary>The body of a 400 or 503.</summary>
internal sealed record Refusal(string Status, string Message, long Timestamp);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Submission))]
[JsonSerializable(typeof(Answer))]
[JsonSerializable(typeof(Refusal))]
internal sealed partial class PeerJson : JsonSerializerContext;

/// <summary>A submission whose fields are valid.</summary>
internal sealed record Accepted(string RequestId, string StationId, string DriverToken, Uri Callback);

/// <summary>
/// Reads a submission by the field rules of the contract, without its strictness about JSON and without the address
/// policy.
/// </summary>
internal static class SubmissionRules
{
    private static readonly SearchValues<char> TokenCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    );

    /// <returns>Null and the first broken rule, or the submission.</returns>
    public static Accepted? Read(ReadOnlySequence<byte> body, out string problem)
    {
        Submission? raw;
        try
        {
            var reader = new Utf8JsonReader(body);
            raw = JsonSerializer.Deserialize(ref reader, PeerJson.Default.Submission);
        }
        catch (JsonException)
        {
            raw = null;
        }

        problem = raw switch
        {
            null => "The request body is not valid JSON.",
            { StationId: null } or { StationId.Length: not 36 } => "Invalid station_id format. Must be a valid UUID.",
            _ when !Guid.TryParseExact(raw.StationId, "D", out _) => "Invalid station_id format. Must be a valid UUID.",
            { DriverToken: null } or { DriverToken.Length: < 20 or > 80 } =>
                "Invalid driver_token. Must be 20-80 characters of letters, digits, '-', '.', '_' or '~'.",
            _ when raw.DriverToken.AsSpan().ContainsAnyExcept(TokenCharacters) =>
                "Invalid driver_token. Must be 20-80 characters of letters, digits, '-', '.', '_' or '~'.",
            { CallbackUrl: null } or { CallbackUrl.Length: > 2048 } =>
                "Invalid callback_url. Must be a valid HTTP/HTTPS URL.",
            _ => "",
        };
        if (problem.Length > 0)
            return null;
        if (Uri.TryCreate(raw!.CallbackUrl, UriKind.Absolute, out var url) && url.Scheme is "http" or "https")
            return new Accepted(
                string.Concat("req-", Guid.CreateVersion7().ToString("D")),
                raw.StationId!,
                raw.DriverToken!,
                url
            );
        problem = "Invalid callback_url. Must be a valid HTTP/HTTPS URL.";
        return null;
    }
}
