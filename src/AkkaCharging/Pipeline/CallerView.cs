using AkkaCharging.AddressPolicy;
using AkkaCharging.Journal;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Pipeline;

/// <summary>
/// The part of a request that its caller may see, which does not reveal whether a rejected name exists.
/// </summary>
/// <remarks>
/// A name that leads to a rejected address settles as <c>failed</c> at once; a name without an address is retried over
/// the whole schedule. Callers see no difference between the two, because the API would otherwise be a directory of
/// internal names. So attempts for which no address was found (<see cref="AttemptCauses.MeansNoAddress"/>) are shown as
/// follows:
/// <list type="bullet">
/// <item>Several in a row are one entry, without a duration, which appears when the longest look-up is over.</item>
/// <item>A request that ended with such attempts is shown as <c>decided</c> until the latest time at which the retry
/// schedule could have ended, and then as settled at that time: <c>failed</c>, or <c>expired</c> if it was too old by
/// then. It is no longer shown when the first of these attempts is older than the retention time.</item>
/// </list>
/// That time is the same in both cases, because it does not depend on jitter. A request that really ended later,
/// because it waited for a slot, a breaker, a pause or a restart, is shown with its real end.
/// </remarks>
internal static class CallerView
{
    /// <summary>Maximum duration of an attempt without an address: the time-out of the resolver.</summary>
    private static readonly TimeSpan LongestAttempt = new SystemHostResolverOptions().Timeout;

    /// <summary>
    /// Returns the view of <paramref name="record"/> at <paramref name="now"/>; null when it is no longer shown.
    /// </summary>
    public static CallerRecord? Of(
        RequestRecord record,
        CallbackSettings settings,
        TimeSpan retention,
        DateTimeOffset now
    )
    {
        var attempts = Attempts(record.Attempts, now);
        if (Ending(record) is not { } ending)
            return new(record.State, record.SettledAt, attempts);
        if (now - ending.FirstAt >= retention)
            return null;
        var end = LatestEnd(ending.FirstAt, ending.Before, record.ExpiresAt, settings);
        if (record.SettledAt > end)
            end = record.SettledAt.Value;
        return now < end
            ? new(RequestState.Decided, SettledAt: null, attempts)
            : new(end >= record.ExpiresAt ? RequestState.Expired : RequestState.Failed, end, attempts);
    }

    private static List<CallerAttempt> Attempts(IReadOnlyList<CallbackAttempt> all, DateTimeOffset now)
    {
        var shown = new List<CallerAttempt>(all.Count);
        var isInARow = false;
        foreach (var attempt in all)
        {
            if (!HadNoAddress(attempt))
                shown.Add(new(attempt, HadNoAddress: false));
            else if (!isInARow && now - attempt.At >= LongestAttempt)
                shown.Add(
                    new(
                        new(attempt.At, TimeSpan.Zero, HttpStatus: null, CallbackOutcome.NetworkError),
                        HadNoAddress: true
                    )
                );
            isInARow = HadNoAddress(attempt);
        }

        return shown;
    }

    /// <summary>
    /// Finds the trailing attempts without an address: when the first of them began, and the number of attempts before
    /// it. Null when the request did not end with such attempts.
    /// </summary>
    private static (DateTimeOffset FirstAt, int Before)? Ending(RequestRecord record)
    {
        if (record.State is not (RequestState.Failed or RequestState.Expired))
            return null;

        // Attempts before a redrive belong to an earlier schedule.
        var made = Math.Min(record.AttemptsMade, record.Attempts.Count);
        var first = record.Attempts.Count;
        while (first > record.Attempts.Count - made && HadNoAddress(record.Attempts[first - 1]))
            first--;
        return first == record.Attempts.Count
            ? null
            : (record.Attempts[first].At, first - (record.Attempts.Count - made));
    }

    private static DateTimeOffset LatestEnd(
        DateTimeOffset firstAt,
        int before,
        DateTimeOffset expiresAt,
        CallbackSettings settings
    )
    {
        var (earliest, latest) = (firstAt, firstAt + LongestAttempt);
        for (var retry = before; retry < settings.MaxRetries && earliest < expiresAt; retry++)
        {
            var wait = RetrySchedule.Wait(settings, retry);
            earliest += wait;
            latest += (wait * (1 + settings.Jitter)) + LongestAttempt;
        }

        return latest;
    }

    private static bool HadNoAddress(CallbackAttempt attempt) =>
        attempt.Cause?.MeansNoAddress() ?? attempt.Outcome == CallbackOutcome.Blocked;
}

/// <summary>A request as shown to its caller.</summary>
internal sealed record CallerRecord(
    RequestState State,
    DateTimeOffset? SettledAt,
    IReadOnlyList<CallerAttempt> Attempts
);

/// <summary>An attempt as shown to its caller.</summary>
/// <param name="HadNoAddress">Whether the entry stands for all attempts in a row without an address.</param>
internal readonly record struct CallerAttempt(CallbackAttempt Attempt, bool HadNoAddress)
{
    /// <summary>The cause that callers see instead of those that would reveal whether a name exists.</summary>
    public const string NoAddress = "no_address";

    /// <summary>
    /// The cause of a failure; null for a success, and for a failure recorded before causes were stored.
    /// </summary>
    public string? Cause => HadNoAddress ? NoAddress : Attempt.Cause?.Name();
}
