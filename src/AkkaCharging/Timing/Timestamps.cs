namespace AkkaCharging.Timing;

/// <summary>
/// Adds spans to timestamps; for differences there is <see cref="TimeProvider.GetElapsedTime(long)"/>.
/// </summary>
internal static class Timestamps
{
    /// <summary>Returns the timestamp <paramref name="span"/> after <paramref name="timestamp"/>.</summary>
    public static long After(this TimeProvider time, long timestamp, TimeSpan span) =>
        timestamp + (long)Math.Round(span.TotalSeconds * time.TimestampFrequency);

    /// <summary>
    /// Returns <paramref name="span"/> in the whole milliseconds that timers count, rounded up. A timer may be early
    /// all the same: whoever relies on the end of the span looks at the time again.
    /// </summary>
    public static TimeSpan UpToMilliseconds(this TimeSpan span) =>
        TimeSpan.FromMilliseconds(Math.Ceiling(span.TotalMilliseconds));
}
