using System.Net;
using System.Text.Json;
using AkkaCharging.Requests;

namespace AkkaCharging.Authorization.Ocpi;

/// <summary>A partner's reply to one HTTP request: its status and, if present, the OCPI envelope.</summary>
/// <param name="Code">The envelope's <c>status_code</c>; null without an envelope.</param>
/// <param name="Data">The envelope's <c>data</c>; valid only with a code from 1000 to 1999.</param>
internal readonly record struct OcpiReply(HttpStatusCode Status, int? Code = null, JsonElement Data = default)
{
    /// <summary>The status code for a token that the partner does not know.</summary>
    public const int UnknownToken = 2004;

    private const int DepthMax = 16;

    /// <summary>Reads a reply's body; <see cref="Code"/> stays null when the body is not an OCPI envelope.</summary>
    /// <remarks>
    /// A body with duplicate keys is rejected, because the parser would decide which value counts. Unknown fields are
    /// accepted, as version 2.3.0 requires.
    /// </remarks>
    public static OcpiReply Read(HttpStatusCode status, ReadOnlySpan<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(
                Utf8Json.WithoutMark(body).ToArray(),
                new JsonDocumentOptions { MaxDepth = DepthMax, AllowDuplicateProperties = false }
            );
            var envelope = document.RootElement;
            return
                envelope.ValueKind == JsonValueKind.Object
                && envelope.TryGetProperty("status_code", out var code)
                && code.ValueKind == JsonValueKind.Number
                && code.TryGetInt32(out var number)
                ? new OcpiReply(status, number, envelope.TryGetProperty("data", out var data) ? data.Clone() : default)
                : new OcpiReply(status);
        }
        // InvalidOperationException is thrown for invalid names, such as half of a surrogate pair.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return new OcpiReply(status);
        }
    }

    /// <summary>Returns the data of a successful reply.</summary>
    /// <param name="url">The setting that holds the URL, for the message.</param>
    /// <exception cref="OcpiException">The reply is not a success.</exception>
    public JsonElement Require(string url)
    {
        var (status, code) = ((int)Status, Code);
        return (status, code) switch
        {
            (401 or 403, _) => throw new OcpiException($"answered {status}; check tokenFile", OcpiBlame.Settings),
            _ when BackEndStatus.IsFailure(Status) => throw new OcpiException($"answered {status}", OcpiBlame.Partner),
            (404 or 405 or (>= 300 and < 400), null) => throw new OcpiException(
                $"answered {status} without OCPI; check {url}",
                OcpiBlame.Settings
            ),
            (_, null) => throw new OcpiException(
                $"answered {status} without a valid OCPI envelope",
                OcpiBlame.Question
            ),
            (>= 200 and < 300, >= 1000 and < 2000) => Data,
            (_, 2001) => throw new OcpiException("answered 2001: it rejects the parameters", OcpiBlame.Question),
            (_, 2002) => throw new OcpiException(
                "answered 2002: it requires the location; check authorization.stationsFile",
                OcpiBlame.Question
            ),
            (_, 2003) => throw new OcpiException(
                "answered 2003: it does not know the location; check authorization.stationsFile",
                OcpiBlame.Question
            ),
            (_, 4001) => throw new OcpiException(
                "answered 4001: it does not know the party that was addressed; check parties",
                OcpiBlame.Question
            ),
            (_, (>= 3000 and < 4000) or 4002 or 4003) => throw new OcpiException($"answered {code}", OcpiBlame.Partner),
            _ => throw new OcpiException($"answered {code} with HTTP {status}", OcpiBlame.Question),
        };
    }
}

/// <summary>Reads JSON from a partner without assuming types or valid encoding.</summary>
internal static class OcpiJson
{
    /// <summary>Returns a text field of an object; null when it is missing, not a text or not valid Unicode.</summary>
    public static string? Text(this JsonElement element, string name)
    {
        if (element.Field(name) is not { ValueKind: JsonValueKind.String } text)
            return null;
        try
        {
            return text.GetString();
        }
        catch (InvalidOperationException) // half of a surrogate pair, or invalid UTF-8
        {
            return null;
        }
    }

    /// <summary>Returns a field of an object; null when it is missing or null.</summary>
    public static JsonElement? Field(this JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object
        && element.TryGetProperty(name, out var field)
        && field.ValueKind != JsonValueKind.Null
            ? field
            : null;

    /// <summary>Returns the items of a list; no items for anything else.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement? element) =>
        element is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : [];
}
