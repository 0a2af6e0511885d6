using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Host.Http;
using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Admin;

/// <summary>Parses the input of operators, and collects every broken rule. Messages never repeat the input.</summary>
internal sealed class OperatorInput
{
    public const int LimitDefault = 100;
    private readonly List<FieldError> _errors = [];

    /// <summary>The broken rules; empty when the input is valid.</summary>
    public IReadOnlyList<FieldError> Errors => _errors;

    /// <summary>Returns a query parameter; null when it is missing.</summary>
    public string? Query(HttpRequest request, string name)
    {
        var values = request.Query[name];
        if (values.Count > 1)
            Refuse(name, $"The parameter {name} is given more than once.");
        return values.Count == 0 ? null : values[0];
    }

    /// <summary>
    /// Rejects parameters that are not in <paramref name="known"/>: a misspelt filter would otherwise not be applied.
    /// </summary>
    public void KnowOnly(HttpRequest request, params IReadOnlyList<string> known)
    {
        if (request.Query.Keys.Any(name => !known.Contains(name, StringComparer.OrdinalIgnoreCase)))
            Refuse("query", $"Unknown query parameter. Known are {string.Join(", ", known)}.");
    }

    public DestinationKey? Destination(string? text)
    {
        var destination = CallbackAddressPolicy.ReadDestination(text);
        if (destination is null && text is not null)
            Refuse(
                "destination",
                "Invalid destination. Must be scheme, host and port such as https://receiver.example.com:443, "
                    + "without a path."
            );
        return destination;
    }

    /// <param name="text">A time in RFC 3339 with offset, or milliseconds since 1970.</param>
    public DateTimeOffset? Time(string field, string? text)
    {
        if (text is null)
            return null;
        if (Rfc3339.TryParse(text, out var time))
            return time;
        if (
            long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var millis)
            && millis <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
        )
            return DateTimeOffset.FromUnixTimeMilliseconds(millis);
        Refuse(field, $"Invalid {field}. Must be a time such as 2026-01-31T18:00:00Z, or milliseconds since 1970.");
        return null;
    }

    /// <summary>Parses the filters of dead letters.</summary>
    public DeadLetterQuery DeadLetters(
        string? destination,
        string? from,
        string? to,
        string? cause,
        string? acceptedFrom,
        string? acceptedTo
    ) =>
        new(
            Destination(destination),
            Time("from", from),
            Time("to", to),
            Word<AttemptCause>("cause", cause, AttemptCauses.Name),
            Time("acceptedFrom", acceptedFrom),
            Time("acceptedTo", acceptedTo)
        );

    /// <summary>Returns the text of a time that may be a JSON string or number.</summary>
    /// <remarks>It stays as written, because an escaped time is never valid and may be a lone surrogate.</remarks>
    public static string? TimeText(JsonElement? value) =>
        value is null or { ValueKind: JsonValueKind.Null } ? null : value.Value.GetRawText().Trim('"');

    public StationId? Station(string? text)
    {
        var station = text is null ? null : StationId.TryCreate(text);
        if (station is null && text is not null)
            Refuse("station", "Invalid station. Must be a UUID.");
        return station;
    }

    public byte[]? Fingerprint(string? text)
    {
        var fingerprint = text is null ? null : IdempotencyHasher.ReadFingerprint(text);
        if (fingerprint is null && text is not null)
            Refuse(
                "fingerprint",
                $"Invalid fingerprint. Must be the {IdempotencyHasher.FingerprintDigits} hexadecimal digits of a "
                    + "tokenFingerprint."
            );
        return fingerprint;
    }

    /// <summary>Parses one of the words of <typeparamref name="T"/>.</summary>
    public T? Word<T>(string field, string? text, Func<T, string> name)
        where T : struct, Enum
    {
        if (text is null)
            return null;
        foreach (var value in Enum.GetValues<T>())
        {
            if (string.Equals(name(value), text, StringComparison.Ordinal))
                return value;
        }

        Refuse(field, $"Invalid {field}. Must be one of {string.Join(", ", Enum.GetValues<T>().Select(name))}.");
        return null;
    }

    public RequestId? RequestId(string field, string? text)
    {
        if (text is null)
            return null;
        if (Requests.RequestId.TryParse(text, out var id))
            return id;
        Refuse(field, $"Invalid {field}. Must be the value of next from the previous page.");
        return null;
    }

    public int Limit(string? text)
    {
        if (text is null)
            return LimitDefault;
        if (
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
            && limit is >= 1 and <= DeadLetterPage.LettersMax
        )
            return limit;
        Refuse("limit", $"Invalid limit. Must be a whole number from 1 to {DeadLetterPage.LettersMax}.");
        return LimitDefault;
    }

    public DeadLetterCursor? Cursor(string? text)
    {
        if (text is null)
            return null;
        if (DeadLetterCursor.TryParse(text, out var cursor))
            return cursor;
        Refuse("cursor", "Invalid cursor. Must be the value of next from the previous page.");
        return null;
    }

    public void Refuse(string field, string message) => _errors.Add(new FieldError(field, message));
}

/// <summary>Reads the bodies of changes.</summary>
internal sealed class OperatorBodies(ServerSettings settings, TimeProvider time)
{
    /// <summary>
    /// Reads the body of the request of <paramref name="context"/>; null when it was rejected, in which case the error
    /// is already written.
    /// </summary>
    public async Task<T?> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
        where T : class
    {
        var (bytes, unread) = await BodyReader.ReadAsync(context, settings, time);
        if (unread is not null)
            return null;

        try
        {
            if (JsonSerializer.Deserialize(Utf8Json.WithoutMark(bytes), type) is { } body)
                return body;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Not JSON, an unknown or duplicate field, a field of a wrong type, or a lone surrogate.
        }

        var fields = string.Join(", ", type.Properties.Select(property => property.Name));
        await context.WriteValidationErrorAsync([
            new("body", $"The request body must be a JSON object. Known fields are {fields}."),
        ]);
        return null;
    }
}
