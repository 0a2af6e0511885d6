using AkkaCharging.Journal;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Admin;

/// <summary>Lists the events of a request in chronological order.</summary>
internal static class RequestTimeline
{
    /// <summary>Creates the timeline of <paramref name="record"/>.</summary>
    public static IReadOnlyList<TimelineAnswer> Of(RequestRecord record, CallbackSettings settings)
    {
        var events = new List<TimelineAnswer> { new(Millis(record.AcceptedAt), "accepted") };
        if (record.Decision is { DecidedAt: var decidedAt })
            events.Add(new(Millis(decidedAt), "decided", Millis(decidedAt) - Millis(record.AcceptedAt)));
        foreach (var attempt in record.Attempts)
        {
            var answer = OperatorAttemptAnswer.Of(attempt);
            events.Add(new(answer.At, "attempt", answer.DurationMs, answer));
        }

        if (record.SettledAt is { } settledAt)
        {
            events.Add(new(Millis(settledAt), record.State.Name()));
            return events;
        }

        if (record.AttemptsMade > 0 && record.Attempts is [.., var last])
        {
            var wait = RetrySchedule.Wait(settings, record.AttemptsMade - 1);
            events.Add(new(Millis(last.At + last.Duration + wait), "next_attempt"));
        }

        events.Add(new(Millis(record.ExpiresAt), "expiry"));
        return events;
    }

    private static long Millis(DateTimeOffset time) => time.ToUnixTimeMilliseconds();
}
