using System.Globalization;
using System.Net.Http.Headers;

namespace AkkaCharging.Callbacks;

/// <summary>Reads the Retry-After header of a response.</summary>
/// <remarks>
/// Source: RFC 9110, section 10.2.3. The header is a singleton; of several lines, or of a list in one line, the first
/// valid value counts. A date is compared with the response's own Date, so that the clock of the receiver may be wrong,
/// or with our clock when Date is missing or invalid.
/// </remarks>
internal static class RetryAfterHeader
{
    /// <summary>Upper limit for longer numbers of seconds; exceeds every setting.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(int.MaxValue);

    // Length of the shortest form that .NET reads. Without the check, a header full of commas would cost tens of
    // milliseconds.
    private const int DateCharsMin = 14;

    /// <summary>Reads how long the receiver asks to wait.</summary>
    /// <returns>Null when there is no valid value, or the wait is over.</returns>
    public static TimeSpan? Read(HttpResponseHeaders headers, DateTimeOffset now)
    {
        // Read raw, because .NET's parser rejects lists and numbers beyond 2147483647.
        if (!headers.NonValidated.TryGetValues("Retry-After", out var lines))
            return null;
        var reference = headers.Date ?? now;
        var wait = lines.Select(line => ReadLine(line, reference)).FirstOrDefault(found => found is not null);
        return wait > TimeSpan.Zero ? wait : null;
    }

    private static TimeSpan? ReadLine(string line, DateTimeOffset reference)
    {
        var parts = line.Split(',', StringSplitOptions.TrimEntries);
        for (var i = 0; i < parts.Length; i++)
        {
            // Two of the three date formats contain a comma themselves.
            var found =
                ReadSeconds(parts[i])
                ?? ReadDate(parts[i], reference)
                ?? (i + 1 < parts.Length ? ReadDate($"{parts[i]}, {parts[i + 1]}", reference) : null);
            if (found is not null)
                return found;
        }

        return null;
    }

    private static TimeSpan? ReadSeconds(string text)
    {
        if (text.Length == 0 || !text.All(char.IsAsciiDigit))
            return null;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? TimeSpan.FromSeconds(seconds)
            : Longest;
    }

    private static TimeSpan? ReadDate(string text, DateTimeOffset reference) =>
        text.Length >= DateCharsMin && RetryConditionHeaderValue.TryParse(text, out var value)
            ? value.Date - reference
            : null;
}
