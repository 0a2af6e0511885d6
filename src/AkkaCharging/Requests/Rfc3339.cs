using System.Globalization;

namespace AkkaCharging.Requests;

/// <summary>Times as people and files write them: <c>2026-01-31T18:00:00Z</c>, or with an offset.</summary>
internal static class Rfc3339
{
    /// <summary>Reads a time; the offset is not optional.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out DateTimeOffset time)
    {
        time = default;
        if (text.IsEmpty)
            return false;

        // "zzz" would also take an offset without its colon.
        var format = text[^1] == 'Z' ? "yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'" : "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz";
        return (text[^1] == 'Z' || text.Length > 3 && text[^3] == ':')
            && DateTimeOffset.TryParseExact(
                text,
                format,
                CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal,
                out time
            );
    }
}
