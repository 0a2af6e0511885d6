using System.Buffers;

namespace AkkaCharging.Requests;

/// <summary>
/// A charging station's UUID, kept as the caller wrote it because the callback repeats it letter for letter.
/// </summary>
public sealed record StationId
{
    private const int Length = 36;
    private static readonly SearchValues<char> Allowed = SearchValues.Create("0123456789abcdefABCDEF-");

    private StationId(string text, Guid value) => (Text, Value) = (text, value);

    /// <summary>As the caller wrote it.</summary>
    public string Text { get; }

    /// <summary>What it means: two spellings of one station are equal here.</summary>
    public Guid Value { get; }

    /// <summary>Reads 8-4-4-4-12 hexadecimal digits in any case; null for anything else.</summary>
    public static StationId? TryCreate(string? text) => TryRead(text) is { } value ? new StationId(text!, value) : null;

    /// <summary>Reads the UUID alone, of the same texts as <see cref="TryCreate"/>.</summary>
    /// <remarks>
    /// The check goes beyond the parser's, which accepts surrounding white space and inner signs; a callback repeats
    /// the text as it is.
    /// </remarks>
    internal static Guid? TryRead(ReadOnlySpan<char> text) =>
        text.Length == Length && !text.ContainsAnyExcept(Allowed) && Guid.TryParseExact(text, "D", out var value)
            ? value
            : null;

    /// <inheritdoc/>
    public override string ToString() => Text;
}
