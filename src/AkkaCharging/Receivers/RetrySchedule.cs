using AkkaCharging.Settings;

namespace AkkaCharging.Receivers;

/// <summary>Computes the waits before retries, to make them or to estimate their end.</summary>
internal static class RetrySchedule
{
    // A millisecond doubled this often exceeds the largest cap, and an hour still fits into a TimeSpan.
    private const int DoublingsMax = 22;

    /// <summary>Returns the wait before retry <paramref name="number"/>, counted from 0, without jitter.</summary>
    public static TimeSpan Wait(CallbackSettings settings, int number)
    {
        var wait = settings.RetryDelay * Math.Pow(2, Math.Min(number, DoublingsMax));
        var longest = LongestWait(settings);
        return wait < longest ? wait : longest;
    }

    /// <summary>Returns the longest wait before a retry, without jitter, which is added after this cap.</summary>
    public static TimeSpan LongestWait(CallbackSettings settings) => settings.MaxRetryDelay / (1 + settings.Jitter);

    /// <summary>
    /// Returns the sum of the first <paramref name="count"/> waits without jitter, excluding the wait before the last
    /// retry.
    /// </summary>
    public static TimeSpan FirstWaits(CallbackSettings settings, int count) =>
        Enumerable
            .Range(0, Math.Clamp(settings.MaxRetries - 1, 0, count))
            .Aggregate(TimeSpan.Zero, (total, number) => total + Wait(settings, number));

    /// <summary>
    /// Returns the total wait before the remaining retries of a request that failed <paramref name="made"/> times,
    /// assuming that each retry fails at once.
    /// </summary>
    /// <param name="left">The remaining lifetime of the request: the first retry after it is the last.</param>
    /// <param name="random">The source of the jitter.</param>
    public static TimeSpan Remaining(CallbackSettings settings, int made, TimeSpan left, Random random)
    {
        var total = TimeSpan.Zero;
        for (var retry = made - 1; retry < settings.MaxRetries && total < left; retry++)
            total += Wait(settings, retry) * (1 + (random.NextDouble() * settings.Jitter));
        return total;
    }
}
