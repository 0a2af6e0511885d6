namespace AkkaCharging.Timing;

/// <summary>
/// Adds spans to timestamps; for differences there is <see cref="TimeProvider.GetElapsedTime(long)"/>.
/// </summary>
internal static class Timestamps
{
    /// <summary>Returns the timestamp <paramref name="span"/> after <paramref name="timestamp"/>.</summary>
    public static long After(this TimeProvider time, long timestamp, TimeSpan span) =>
        timestamp + (long)Math.Round(span.TotalSeconds * time.TimestampFrequency);
}
