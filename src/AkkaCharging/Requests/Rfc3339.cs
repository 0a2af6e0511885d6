using System.Globalization;

namespace AkkaCharging.Requests;

/// <summary>Parses times as people and files write them: <c>2026-01-31T18:00:00Z</c>, or with an offset.</summary>
internal static class Rfc3339
{
    private const string Seconds = "yyyy-MM-dd'T'HH:mm:ss";
    private const int SecondsLength = 19;
    private const int TickDigits = 7;

    /// <summary>Parses a time of the years 1 to 9999; the offset is mandatory.</summary>
    /// <remarks>
    /// Digits beyond .NET's resolution of 100 ns are cut off. A leap second, <c>23:59:60Z</c> at the end of a month, is
    /// read as the second after it, because the clock does not count leap seconds.
    /// </remarks>
    /// <param name="time">The time in UTC.</param>
    public static bool TryParse(ReadOnlySpan<char> text, out DateTimeOffset time)
    {
        time = default;
        if (text.Length <= SecondsLength || text[10] is not ('T' or 't'))
            return false;

        Span<char> clock = stackalloc char[SecondsLength];
        text[..SecondsLength].CopyTo(clock);
        clock[10] = 'T';
        var isLeapSecond = clock[17..] is "60";
        if (isLeapSecond)
            "59".CopyTo(clock[17..]);
        var rest = text[SecondsLength..];
        if (
            !DateTime.TryParseExact(clock, Seconds, CultureInfo.InvariantCulture, DateTimeStyles.None, out var local)
            || !TryReadFraction(ref rest, out var fraction)
            || !TryReadOffset(rest, out var offset)
        )
            return false;

        var ticks = local.Ticks - offset.Ticks + (isLeapSecond ? TimeSpan.TicksPerSecond : 0);
        // An offset may lead out of .NET's range, as in "9999-12-31T23:59:59-01:00": the nearest time is used.
        time = new(Math.Clamp(ticks + fraction, 0, DateTime.MaxValue.Ticks), TimeSpan.Zero);
        return !isLeapSecond || ticks > DateTime.MaxValue.Ticks || IsStartOfAMonth(ticks);
    }

    private static bool IsStartOfAMonth(long ticks) =>
        ticks > 0 && new DateTime(ticks) is { Day: 1, TimeOfDay.Ticks: 0 };

    private static bool TryReadFraction(ref ReadOnlySpan<char> text, out int ticks)
    {
        ticks = 0;
        if (text[0] != '.')
            return true;
        var digits = text[1..].IndexOfAnyExceptInRange('0', '9');
        for (var i = 1; i <= TickDigits; i++)
            ticks = ticks * 10 + (i <= digits ? text[i] - '0' : 0);
        text = text[(digits + 1)..];
        return digits > 0;
    }

    private static bool TryReadOffset(ReadOnlySpan<char> text, out TimeSpan offset)
    {
        offset = TimeSpan.Zero;
        if (text is "Z" or "z")
            return true;
        if (
            text is not ['+' or '-', ..]
            || !TimeSpan.TryParseExact(text[1..], @"hh\:mm", CultureInfo.InvariantCulture, out offset)
        )
            return false;
        if (text[0] == '-')
            offset = -offset;
        return true;
    }
}
