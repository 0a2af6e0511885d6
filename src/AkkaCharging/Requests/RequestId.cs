namespace AkkaCharging.Requests;

/// <summary>
/// Identifies an accepted request: <c>req-</c> and a UUID of version 7, so that ids sort by time of acceptance.
/// </summary>
public readonly record struct RequestId(Guid Value)
{
    private const string Prefix = "req-";
    private const int Length = 40;

    /// <summary>Creates an id that contains <paramref name="time"/>.</summary>
    public static RequestId New(DateTimeOffset time) => new(Guid.CreateVersion7(time));

    /// <summary>Parses what <see cref="ToString"/> wrote; rejects anything else.</summary>
    public static bool TryParse(string? text, out RequestId id)
    {
        // Formatted again and compared, because the parser accepts capitals, surrounding white space and inner signs.
        id =
            text is not null
            && text.StartsWith(Prefix, StringComparison.Ordinal)
            && Guid.TryParseExact(text.AsSpan(Prefix.Length), "D", out var value)
                ? new RequestId(value)
                : default;
        if (string.Equals(id.ToString(), text, StringComparison.Ordinal))
            return true;
        id = default;
        return false;
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(
            Length,
            Value,
            static (text, value) =>
            {
                Prefix.CopyTo(text);
                value.TryFormat(text[Prefix.Length..], out _);
            }
        );
}
