namespace AkkaCharging.Requests;

/// <summary>
/// Names one accepted request: <c>req-</c> and a UUID of version 7, so that ids sort by time of acceptance.
/// </summary>
public readonly record struct RequestId(Guid Value)
{
    private const string Prefix = "req-";
    private const int Length = 40;

    /// <summary>A new id that carries <paramref name="time"/>.</summary>
    public static RequestId New(DateTimeOffset time) => new(Guid.CreateVersion7(time));

    /// <summary>Reads what <see cref="ToString"/> wrote; anything else is refused.</summary>
    public static bool TryParse(string? text, out RequestId id)
    {
        // Written again and compared, because the parser lets capitals, white space around and signs within pass.
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
