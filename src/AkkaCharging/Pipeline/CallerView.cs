using AkkaCharging.Journal;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Pipeline;

/// <summary>
/// What of a request its caller is shown: not whether a name exists that it may not be called back at.
/// </summary>
/// <remarks>
/// A name that leads to an address that the policy refuses settles <c>failed</c> at once, one that has no address is
/// retried over the schedule: on the page the
/// two are one, or it would be a directory of the names inside. So, of attempts for which no address could be had
/// (<see cref="AttemptCauses.MeansNoAddress"/>):
/// <list type="bullet">
/// <item>those in a row are one entry, without a duration, that appears once the longest look-up is over;</item>
/// <item>a request that ended with such attempts is shown <c>decided</c> until the retry schedule would have ended at
/// the latest, and then as settled at that time:
/// <c>failed</c>, or <c>expired</c> if it was too old by then. It is forgotten when the first of these attempts is as
/// old as the retention.</item>
/// </list>
/// The end is the same for both whatever the jitter was, because it is the latest that the schedule allows. A request
/// whose real end was later, because it waited
/// for a slot, a breaker, a pause or a restart, is shown with that one.
/// </remarks>
internal static class CallerView
{
    /// <summary>The longest that an attempt without an address takes: the resolver's time-out.</summary>
    private static readonly TimeSpan LongestLookup = TimeSpan.FromSeconds(3);

    /// <summary>
    /// What is shown of <paramref name="record"/> at <paramref name="now"/>; null when it is shown as forgotten.
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
            else if (!isInARow && now - attempt.At >= LongestLookup)
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
    /// When the attempts without an address began that a request ended with, and how many were made before them; null
    /// when it did not end so.
    /// </summary>
    private static (DateTimeOffset FirstAt, int Before)? Ending(RequestRecord record)
    {
        if (record.State is not (RequestState.Failed or RequestState.Expired))
            return null;

        // Attempts before a redrive belong to a schedule of their own.
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
        var (earliest, latest) = (firstAt, firstAt + LongestLookup);
        for (var retry = before; retry < settings.MaxRetries && earliest < expiresAt; retry++)
        {
            var wait = RetrySchedule.Wait(settings, retry);
            earliest += wait;
            latest += (wait * (1 + settings.Jitter)) + LongestLookup;
        }

        return latest;
    }

    private static bool HadNoAddress(CallbackAttempt attempt) =>
        attempt.Cause?.MeansNoAddress() ?? attempt.Outcome == CallbackOutcome.Blocked;
}

/// <summary>A request as its caller is shown it.</summary>
internal sealed record CallerRecord(
    RequestState State,
    DateTimeOffset? SettledAt,
    IReadOnlyList<CallerAttempt> Attempts
);

/// <summary>An attempt as its caller is shown it.</summary>
/// <param name="HadNoAddress">Stands for all in a row for which there was no address.</param>
internal readonly record struct CallerAttempt(CallbackAttempt Attempt, bool HadNoAddress)
{
    /// <summary>What a caller is told instead of the causes that would tell whether a name exists.</summary>
    public const string NoAddress = "no_address";

    /// <summary>Null for a success, and for a failure of before causes were kept.</summary>
    public string? Cause => HadNoAddress ? NoAddress : Attempt.Cause?.Name();
}
