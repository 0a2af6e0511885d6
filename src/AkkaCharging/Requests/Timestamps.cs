namespace AkkaCharging.Requests;

/// <summary>
/// Sums of timestamps and spans; the differences are <see cref="TimeProvider.GetElapsedTime(long)"/>'s.
/// </summary>
internal static class Timestamps
{
    /// <summary>The timestamp <paramref name="span"/> after <paramref name="timestamp"/>.</summary>
    public static long After(this TimeProvider time, long timestamp, TimeSpan span) =>
        timestamp + (long)Math.Round(span.TotalSeconds * time.TimestampFrequency);
}
