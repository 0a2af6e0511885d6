using System.Buffers;

namespace AkkaCharging.Requests;

/// <summary>A charging station's UUID, kept as the caller wrote it because the callback repeats it exactly.</summary>
public sealed record StationId
{
    private const int Length = 36;
    private static readonly SearchValues<char> Allowed = SearchValues.Create("0123456789abcdefABCDEF-");

    private StationId(string text, Guid value) => (Text, Value) = (text, value);

    /// <summary>The UUID as the caller wrote it.</summary>
    public string Text { get; }

    /// <summary>The value of the UUID, which is equal for all spellings.</summary>
    public Guid Value { get; }

    /// <summary>Parses 8-4-4-4-12 hexadecimal digits in any case; null for anything else.</summary>
    public static StationId? TryCreate(string? text) => TryRead(text) is { } value ? new StationId(text!, value) : null;

    /// <summary>Parses the value of the UUID; accepts the same texts as <see cref="TryCreate"/>.</summary>
    /// <remarks>
    /// The check is stricter than the parser, which accepts surrounding white space and inner signs; a callback repeats
    /// the text as it is.
    /// </remarks>
    internal static Guid? TryRead(ReadOnlySpan<char> text) =>
        text.Length == Length && !text.ContainsAnyExcept(Allowed) && Guid.TryParseExact(text, "D", out var value)
            ? value
            : null;

    /// <inheritdoc/>
    public override string ToString() => Text;
}
