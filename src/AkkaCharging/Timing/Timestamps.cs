namespace AkkaCharging.Timing;

/// <summary>
/// Times before and after timestamps; for the time since one there is <see cref="TimeProvider.GetElapsedTime(long)"/>.
/// </summary>
internal static class Timestamps
{
    /// <summary>Returns the timestamp <paramref name="span"/> after <paramref name="timestamp"/>.</summary>
    public static long After(this TimeProvider time, long timestamp, TimeSpan span) =>
        timestamp + (long)Math.Round(span.TotalSeconds * time.TimestampFrequency);

    /// <summary>Returns the time that is left until <paramref name="timestamp"/>; negative after it.</summary>
    public static TimeSpan Until(this TimeProvider time, long timestamp) =>
        time.GetElapsedTime(time.GetTimestamp(), timestamp);

    /// <summary>
    /// Returns <paramref name="span"/> in the whole milliseconds that timers count, rounded up. A timer may be early
    /// all the same: whoever relies on the end of the span looks at the time again.
    /// </summary>
    public static TimeSpan UpToMilliseconds(this TimeSpan span) =>
        TimeSpan.FromMilliseconds(Math.Ceiling(span.TotalMilliseconds));
}
