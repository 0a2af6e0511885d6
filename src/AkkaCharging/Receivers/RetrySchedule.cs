using AkkaCharging.Settings;

namespace AkkaCharging.Receivers;

/// <summary>The waits before retries: for those who make them, and for those who only reckon with them.</summary>
internal static class RetrySchedule
{
    // A millisecond doubled so often is longer than the longest cap, and an hour is still a TimeSpan.
    private const int DoublingsMax = 22;

    /// <summary>The wait before retry <paramref name="number"/>, counted from 0, without jitter.</summary>
    public static TimeSpan Wait(CallbackSettings settings, int number)
    {
        var wait = settings.RetryDelay * Math.Pow(2, Math.Min(number, DoublingsMax));
        var longest = LongestWait(settings);
        return wait < longest ? wait : longest;
    }

    /// <summary>The longest wait before a retry, without jitter: the jitter is added after this cap.</summary>
    public static TimeSpan LongestWait(CallbackSettings settings) => settings.MaxRetryDelay / (1 + settings.Jitter);

    /// <summary>
    /// The first <paramref name="count"/> waits together, of those before the last retry; without jitter.
    /// </summary>
    public static TimeSpan FirstWaits(CallbackSettings settings, int count) =>
        Enumerable
            .Range(0, Math.Clamp(settings.MaxRetries - 1, 0, count))
            .Aggregate(TimeSpan.Zero, (total, number) => total + Wait(settings, number));

    /// <summary>
    /// How long the retries take that a request has left which failed <paramref name="made"/> times, if each fails at
    /// once.
    /// </summary>
    /// <param name="left">Of its age: the first retry that comes later is the last.</param>
    /// <param name="random">For the jitter of each.</param>
    public static TimeSpan Remaining(CallbackSettings settings, int made, TimeSpan left, Random random)
    {
        var total = TimeSpan.Zero;
        for (var retry = made - 1; retry < settings.MaxRetries && total < left; retry++)
            total += Wait(settings, retry) * (1 + (random.NextDouble() * settings.Jitter));
        return total;
    }
}
