using System.Text.Json;
using System.Text.Unicode;
using AkkaCharging.Authorization.Questions;
using AkkaCharging.Requests;

namespace AkkaCharging.Host.Http;

/// <summary>Reads questions from CitrineOS.</summary>
/// <remarks>Unknown fields are ignored; duplicate fields, and known ones of a wrong type, are rejected.</remarks>
internal sealed class CitrineosReader(QuestionForm form)
{
    /// <summary>Maximum length of an identifier.</summary>
    public const int IdLengthMax = TypedToken.UidLengthMax;

    /// <summary>Maximum length of a type.</summary>
    public const int TypeLengthMax = 20;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <summary>OCPP 2.0.1 has no minimum length.</summary>
    private static readonly DriverTokenRules UntypedRules = DriverTokenRules.Widest with { LengthMin = 1 };

    /// <inheritdoc cref="QuestionReader"/>
    public QuestionFields? Read(ReadOnlySpan<byte> body, out IReadOnlyList<FieldError> errors)
    {
        var json = Utf8Json.WithoutMark(body);
        try
        {
            // The parser leaves the text of fields alone that nobody reads.
            if (!Utf8.IsValid(json))
                throw new JsonException();
            using var document = JsonDocument.Parse(json.ToArray(), Strict);
            return Read(document.RootElement, out errors);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The exceptions' texts quote the body, which may contain a driver token. Half of a surrogate pair is found
            // only when a text is read, and does not throw a JsonException.
            errors = [new("body", "The request body is not valid JSON, or names a field twice.")];
            return null;
        }
    }

    private QuestionFields? Read(JsonElement body, out IReadOnlyList<FieldError> errors)
    {
        if (body.ValueKind != JsonValueKind.Object)
        {
            errors = [new("body", "The request body is not a JSON object.")];
            return null;
        }

        var station = StationOf(body);
        var token = TokenOf(body);
        var broken = new List<FieldError>();
        if (token is null)
            broken.Add(
                new(
                    "idToken",
                    $"Invalid idToken or idTokenType. Must be an identifier of 1 to {IdLengthMax} letters, digits, "
                        + "'-', '.', '_', '~', '*', '=', ':', '+', '|', '@' or '#', and the name of a token type."
                )
            );
        if (station is null)
            broken.Add(
                new(
                    "stationId",
                    "Invalid stationId. Must be a UUID, or the external_id of one row of authorization.stationsFile."
                )
            );
        errors = broken;
        return broken.Count > 0 ? null : new(station!, token!, ValidFor: null);
    }

    private StationId? StationOf(JsonElement body) =>
        Text(body, "stationId") is { } text ? StationId.TryCreate(text) ?? form.Stations?.FindExternal(text) : null;

    // The token is converted to a typed token, so that authorizers get its type and short card numbers are valid.
    private static DriverToken? TokenOf(JsonElement body)
    {
        if (Text(body, "idToken") is not { Length: > 0 and <= IdLengthMax } id)
            return null;
        if (!body.TryGetProperty("idTokenType", out var type) || type.ValueKind == JsonValueKind.Null)
            return DriverToken.TryCreate(id, UntypedRules);
        return
            Text(body, "idTokenType") is { Length: > 0 and <= TypeLengthMax } name
            && name.All(char.IsAsciiLetterOrDigit)
            ? DriverToken.TryCreate(TypedToken.Of(name, id), DriverTokenRules.Widest)
            : null;
    }

    private static string? Text(JsonElement body, string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
