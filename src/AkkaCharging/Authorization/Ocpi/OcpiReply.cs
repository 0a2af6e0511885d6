using System.Net;
using System.Text.Json;
using AkkaCharging.Requests;

namespace AkkaCharging.Authorization.Ocpi;

/// <summary>What a partner answered to one HTTP request: its status and, if there is one, the envelope of
/// OCPI.</summary>
/// <param name="Code">The envelope's <c>status_code</c>; null without an envelope.</param>
/// <param name="Data">The envelope's <c>data</c>: counts only with a code from 1000 to 1999.</param>
internal readonly record struct OcpiReply(HttpStatusCode Status, int? Code = null, JsonElement Data = default)
{
    /// <summary>The token is unknown to the partner.</summary>
    public const int UnknownToken = 2004;

    private const int DepthMax = 16;

    /// <summary>Reads a body; what is no envelope leaves <see cref="Code"/> null.</summary>
    /// <remarks>
    /// A body with two values of one key is rejected, because it would be left to the parser which of them counts.
    /// Unknown fields are accepted, as version 2.3.0 demands.
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
        // The latter for names that are no text, such as half a surrogate pair.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return new OcpiReply(status);
        }
    }

    /// <summary>The data of a success.</summary>
    /// <param name="url">The setting that holds the URL, for the message.</param>
    /// <exception cref="OcpiException">It is none.</exception>
    public JsonElement Require(string url)
    {
        var (status, code) = ((int)Status, Code);
        return (status, code) switch
        {
            (401 or 403, _) => throw new OcpiException($"answered {status}; check tokenFile", OcpiBlame.Settings),
            (408 or 429 or >= 500, _) => throw new OcpiException($"answered {status}", OcpiBlame.Partner),
            (404 or 405 or (>= 300 and < 400), null) => throw new OcpiException(
                $"answered {status} and no OCPI; check {url}",
                OcpiBlame.Settings
            ),
            (_, null) => throw new OcpiException(
                $"answered {status} without a valid envelope of OCPI",
                OcpiBlame.Question
            ),
            (>= 200 and < 300, >= 1000 and < 2000) => Data,
            (_, 2001) => throw new OcpiException("answered 2001: it rejects the parameters", OcpiBlame.Question),
            (_, 2002) => throw new OcpiException(
                "answered 2002: it wants to know the location; check authorization.stationsFile",
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

/// <summary>Reads what a partner wrote, without trust in its kind or its encoding.</summary>
internal static class OcpiJson
{
    /// <summary>A text of an object; null when it is missing, no text or not valid Unicode.</summary>
    public static string? Text(this JsonElement element, string name)
    {
        if (element.Field(name) is not { ValueKind: JsonValueKind.String } text)
            return null;
        try
        {
            return text.GetString();
        }
        catch (InvalidOperationException) // half a surrogate pair, or bytes that are no UTF-8
        {
            return null;
        }
    }

    /// <summary>A field of an object; null when it is missing or null.</summary>
    public static JsonElement? Field(this JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object
        && element.TryGetProperty(name, out var field)
        && field.ValueKind != JsonValueKind.Null
            ? field
            : null;

    /// <summary>The items of a list; nothing for anything else.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement? element) =>
        element is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : [];
}
