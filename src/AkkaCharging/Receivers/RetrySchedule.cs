using AkkaCharging.Settings;

namespace AkkaCharging.Receivers;

/// <summary>The waits before retries, for those who reckon with them and make none.</summary>
internal static class RetrySchedule
{
    // A millisecond doubled so often is longer than the longest cap, and an hour is still a TimeSpan.
    private const int DoublingsMax = 22;

    /// <summary>The wait before retry <paramref name="number"/>, counted from 0, without jitter.</summary>
    public static TimeSpan Wait(CallbackSettings settings, int number)
    {
        var wait = settings.RetryDelay * Math.Pow(2, Math.Min(number, DoublingsMax));
        var longest = settings.MaxRetryDelay / (1 + settings.Jitter); // jitter is added after the cap
        return wait < longest ? wait : longest;
    }

    /// <summary>How long the retries take that a request has left which failed <paramref name="made"/> times, if each fails at once.</summary>
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
