using System.Text;

namespace AkkaCharging.Requests;

/// <summary>Prepares JSON from other programs for parsing.</summary>
internal static class Utf8Json
{
    /// <summary>
    /// Returns <paramref name="json"/> without a byte order mark, which some programs write before UTF-8.
    /// </summary>
    /// <remarks>RFC 8259 section 8.1 lets a parser ignore the mark; the parsers of .NET reject it.</remarks>
    public static ReadOnlySpan<byte> WithoutMark(ReadOnlySpan<byte> json) =>
        json.StartsWith(Encoding.UTF8.Preamble) ? json[Encoding.UTF8.Preamble.Length..] : json;
}
