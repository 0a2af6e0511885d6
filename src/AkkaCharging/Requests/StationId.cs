using System.Buffers;

namespace AkkaCharging.Requests;

/// <summary>A charging station's UUID, kept as the caller wrote it because the callback repeats it letter for letter.</summary>
public sealed record StationId
{
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789ABCDEFabcdef-");

    private StationId(string text, Guid value) => (Text, Value) = (text, value);

    /// <summary>As the caller wrote it.</summary>
    public string Text { get; }

    /// <summary>What it means: two spellings of one station are equal here.</summary>
    public Guid Value { get; }

    /// <summary>Reads 8-4-4-4-12 hexadecimal digits in any case; null for anything else.</summary>
    /// <remarks>The parser alone lets white space around it and signs and prefixes in its parts pass.</remarks>
    public static StationId? TryCreate(string? text) =>
        text is { Length: 36 } && !text.AsSpan().ContainsAnyExcept(Digits) && Guid.TryParseExact(text, "D", out var value) ? new StationId(text, value) : null;

    /// <inheritdoc/>
    public override string ToString() => Text;
}
