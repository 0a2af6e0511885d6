using System.Text.Json;
using System.Text.Unicode;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Requests;

namespace AkkaCharging.Host.Http;

/// <summary>The validated fields of a submission.</summary>
internal sealed record SubmissionFields(
    StationId Station,
    DriverToken Token,
    CallbackUrl Callback,
    TimeSpan? ValidFor,
    CallbackFormat Format
);

/// <summary>
/// Reads the body of a submission strictly: doubtful input is rejected, and every broken rule is reported.
/// </summary>
/// <remarks>
/// Field names are case-sensitive, unknown fields are ignored. A known field that is missing, of a wrong type, or
/// contains a lone surrogate breaks its rule; null is the same as a missing field, because generated clients send it.
/// Comments, trailing commas, more than 64 levels, invalid UTF-8, and anything around the object but a preceding byte
/// order mark are malformed JSON.
/// </remarks>
internal sealed class SubmissionReader(CallbackAddressPolicy policy, DriverTokenRules tokens)
{
    private const string InvalidStation = "Invalid station_id format. Must be a valid UUID.";
    private const string InvalidUrl = "Invalid callback_url. Must be a valid HTTP/HTTPS URL.";
    private const string RefusedUrl = "Invalid callback_url. The address is not allowed.";
    private const string UnencodedUrl =
        "Invalid callback_url. The path or query holds a character that must be percent-encoded.";
    private const string MisencodedUrl =
        "Invalid callback_url. A '%' in the path or query must be followed by two hexadecimal digits.";
    private const string InvalidValidity = "Invalid valid_for_millis. Must be a whole number from 1000 to 3600000.";
    private const string InvalidFormat = "Invalid callback_format. Must be default or extended.";
    private const int ValidityMillisMin = 1_000;
    private const int ValidityMillisMax = 3_600_000;

    private static readonly string[] Known =
    [
        .. Enum.GetValues<Field>().Where(field => field < Field.Unknown).Select(Name),
    ];

    private readonly string _invalidToken = $"Invalid driver_token. Must be {tokens.Expected}.";

    private enum Field
    {
        StationId,
        DriverToken,
        CallbackUrl,
        ValidForMillis,
        CallbackFormat,
        Unknown,
    }

    /// <summary>Reads the body of a submission.</summary>
    /// <param name="errors">Every broken rule, in the order of the fields; empty on success.</param>
    /// <returns>Null when a rule is broken.</returns>
    public SubmissionFields? Read(ReadOnlySpan<byte> body, out IReadOnlyList<FieldError> errors)
    {
        if (ReadRaw(body, out errors) is not { } raw)
            return null;
        var check = new Check(raw, body);
        var station = check.That(Field.StationId, StationId.TryCreate(raw.Station), InvalidStation);
        var token = check.That(Field.DriverToken, DriverToken.TryCreate(raw.Token, tokens), _invalidToken);
        var verdict = policy.CheckUrl(raw.Url);
        var callback = check.That(Field.CallbackUrl, (verdict as UrlVerdict.Allowed)?.Url, MessageOf(verdict));
        var validFor = check.Validity();
        var format = CallbackFormat.Default;
        var isFormatGood = raw.Format is null || CallbackFormats.TryParse(raw.Format, out format);
        check.That(Field.CallbackFormat, isFormatGood ? this : null, InvalidFormat);
        errors = check.Found;
        return errors.Count > 0 ? null : new(station!, token!, callback!, validFor, format);
    }

    /// <summary>Reads the body of a synchronous question, which has no callback.</summary>
    /// <inheritdoc cref="Read"/>
    public QuestionFields? ReadQuestion(ReadOnlySpan<byte> body, out IReadOnlyList<FieldError> errors)
    {
        if (ReadRaw(body, out errors) is not { } raw)
            return null;
        var check = new Check(raw, body);
        var station = check.That(Field.StationId, StationId.TryCreate(raw.Station), InvalidStation);
        var token = check.That(Field.DriverToken, DriverToken.TryCreate(raw.Token, tokens), _invalidToken);
        var validFor = check.Validity();
        errors = check.Found;
        return errors.Count > 0 ? null : new(station!, token!, validFor);
    }

    private static RawFields? ReadRaw(ReadOnlySpan<byte> body, out IReadOnlyList<FieldError> errors)
    {
        var raw = new RawFields();
        var malformed = Malformation(Utf8Json.WithoutMark(body), ref raw);
        errors = malformed is null ? [] : [new FieldError("body", malformed)];
        return malformed is null ? raw : null;
    }

    private static string MessageOf(UrlVerdict verdict) =>
        verdict switch
        {
            UrlVerdict.Refused => RefusedUrl,
            UrlVerdict.Malformed { Fault: PathAndQueryFault.Character } => UnencodedUrl,
            UrlVerdict.Malformed => MisencodedUrl,
            _ => InvalidUrl,
        };

    private static string? Malformation(ReadOnlySpan<byte> body, ref RawFields raw)
    {
        if (body.IsEmpty)
            return "The request body is empty. Expected a JSON object.";
        if (!Utf8.IsValid(body))
            return "The request body is not valid UTF-8.";
        try
        {
            var reader = new Utf8JsonReader(body);
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartObject)
                return "The request body is not a JSON object.";
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                ReadField(ref reader, ref raw);
            return reader.Read() ? "The request body is not a JSON object." : null;
        }
        catch (JsonException)
        {
            // The exception's text quotes the body, which may hold a driver token.
            return "The request body is not valid JSON.";
        }
    }

    private static void ReadField(ref Utf8JsonReader reader, ref RawFields raw)
    {
        var field = FieldNamed(ref reader);
        reader.Read();
        raw.Count(field);
        switch (field)
        {
            case Field.StationId:
                raw.Station = Text(ref reader);
                break;
            case Field.DriverToken:
                raw.Token = Text(ref reader);
                break;
            case Field.CallbackUrl:
                raw.Url = Text(ref reader);
                break;
            case Field.ValidForMillis:
                if (reader.TokenType == JsonTokenType.Null)
                    break;
                raw.ValidForMillis =
                    reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var millis)
                        ? millis
                        : int.MinValue;
                break;
            case Field.CallbackFormat:
                if (reader.TokenType != JsonTokenType.Null)
                    raw.Format = Text(ref reader) ?? "";
                break;
        }

        reader.Skip();
    }

    private static Field FieldNamed(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.ValueTextEquals("stationId"u8) ? Field.StationId
                : reader.ValueTextEquals("driverToken"u8) ? Field.DriverToken
                : reader.ValueTextEquals("callbackUrl"u8) ? Field.CallbackUrl
                : reader.ValueTextEquals("validForMillis"u8) ? Field.ValidForMillis
                : reader.ValueTextEquals("callbackFormat"u8) ? Field.CallbackFormat
                : Field.Unknown;
        }
        catch (InvalidOperationException)
        {
            // A name with a lone surrogate is never a known name.
            return Field.Unknown;
        }
    }

    private static string? Text(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static string Name(Field field) => JsonNamingPolicy.CamelCase.ConvertName(field.ToString());

    /// <summary>Collects the broken rules.</summary>
    private ref struct Check(RawFields raw, ReadOnlySpan<byte> body)
    {
        private readonly ReadOnlySpan<byte> _body = body;
        private Dictionary<string, string>? _misspelt;

        public List<FieldError> Found { get; } = [];

        /// <param name="value">The value; null when the rule of the field is broken.</param>
        public T? That<T>(Field field, T? value, string message)
            where T : class
        {
            if (raw.IsGivenTwice(field))
                Found.Add(new FieldError(Name(field), $"The field {Name(field)} is given more than once."));
            else if (value is null)
                Found.Add(new FieldError(Name(field), message, raw.IsGiven(field) ? null : Hint(Name(field))));
            return value;
        }

        private string Hint(string field)
        {
            _misspelt ??= MisspeltField.FindAll(Utf8Json.WithoutMark(_body), Known);
            return _misspelt.TryGetValue(field, out var given)
                ? $"The field {field} is missing. The body has {given}, which is not read."
                : $"The field {field} is missing.";
        }

        public TimeSpan? Validity()
        {
            var isGood = raw.ValidForMillis is null or (>= ValidityMillisMin and <= ValidityMillisMax);
            That(Field.ValidForMillis, isGood ? "" : null, InvalidValidity);
            return raw.ValidForMillis is { } millis ? TimeSpan.FromMilliseconds(millis) : null;
        }
    }

    private struct RawFields
    {
        private byte _given;
        private byte _givenTwice;

        public string? Station { get; set; }

        public string? Token { get; set; }

        public string? Url { get; set; }

        public int? ValidForMillis { get; set; }

        public string? Format { get; set; }

        public void Count(Field field)
        {
            var bit = (byte)(1 << (int)field);
            _givenTwice |= (byte)(_given & bit);
            _given |= bit;
        }

        public readonly bool IsGiven(Field field) => (_given & (1 << (int)field)) != 0;

        public readonly bool IsGivenTwice(Field field) => (_givenTwice & (1 << (int)field)) != 0;
    }
}
