using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Timing;

namespace AkkaCharging.Receivers;

/// <summary>Decides whether a receiver may be called at present.</summary>
/// <remarks>
/// <para> A failure may be the fault of the request (the receiver does not know the order yet) or of the receiver (it
/// is unavailable). The breaker blames the receiver when no request succeeds: it opens when all of these failed since
/// the last answer: <c>callback.destinationBreaker.maxFailures</c> attempts in a row, of at least half as many
/// different requests, over at least the first two waits of the retry schedule, and including the third attempt of some
/// request (the last but one, if a request has fewer than four). So a receiver that rejects the first two attempts of
/// each request is served by the retry schedule, and one that is unavailable opens its breaker before a request has
/// used its last attempt. Requests that expire before their third attempt speak for the receiver only together: in
/// place of the third attempt of one, the last attempts of half as many requests as <c>maxFailures</c> count. </para>
/// <para> While the breaker is open, no attempt is made until <see cref="ProbeAt"/>; then one attempt is made as a
/// probe. An answer closes the breaker; a failure opens it for another <c>resetTimeoutMillis</c>. </para>
/// Not thread-safe: used under the register's lock.
/// </remarks>
internal sealed class ReceiverBreaker(CallbackSettings settings, TimeProvider time)
{
    private const int DecisiveAttempt = 3;

    private readonly TimeSpan _firstWaits = RetrySchedule.FirstWaits(settings, DecisiveAttempt - 1);
    private readonly int _decisiveAttempt = Math.Min(settings.MaxRetries, DecisiveAttempt);
    private readonly int _differentNeeded = (settings.DestinationBreaker.MaxFailures + 1) / 2;
    private readonly HashSet<object> _failed = new(ReferenceEqualityComparer.Instance);
    private bool _hasDecisiveFailure;
    private int _expiring; // failed attempts that were the last of a request that expires before the next
    private long _failingSince;

    public BreakerState State { get; private set; }

    /// <summary>Number of failures since the last answer.</summary>
    public int FailuresInARow { get; private set; }

    /// <summary>The timestamp of the first failure since the last answer; null without one.</summary>
    public long? FailingSince => FailuresInARow > 0 ? _failingSince : null;

    /// <summary>The timestamp of the next probe while the breaker is open; null otherwise.</summary>
    public long? ProbeAt { get; private set; }

    /// <summary>Closes the breaker, because the receiver answered.</summary>
    public void OnAnswer()
    {
        (State, ProbeAt, FailuresInARow, _hasDecisiveFailure, _expiring) = (BreakerState.Closed, null, 0, false, 0);
        _failed.Clear();
    }

    /// <summary>Counts a failed attempt, and opens the breaker if the evidence suffices.</summary>
    /// <param name="delivery">Identifies the request.</param>
    /// <param name="attempt">The number of the attempt, counted from 1.</param>
    /// <param name="deadline">The timestamp after which the request has no further attempt.</param>
    /// <param name="isProbe">Whether the attempt was the probe of a half-open breaker.</param>
    public void OnFailure(object delivery, int attempt, long deadline, bool isProbe, long now)
    {
        if (FailuresInARow++ == 0)
            _failingSince = now;
        if (State == BreakerState.Closed && _failed.Count < _differentNeeded)
            _failed.Add(delivery);
        _hasDecisiveFailure |= attempt >= _decisiveAttempt;
        if (time.After(now, RetrySchedule.Wait(settings, attempt - 1)) >= deadline)
            _expiring++;
        if (isProbe || (State == BreakerState.Closed && SpeaksForTheReceiver(now)))
            Open(now);
    }

    /// <summary>Starts a probe when it is due.</summary>
    /// <returns>True when the state changed.</returns>
    public bool TryHalfOpen(long now)
    {
        if (ProbeAt is not { } probeAt || now < probeAt)
            return false;
        (State, ProbeAt) = (BreakerState.HalfOpen, null);
        return true;
    }

    private bool SpeaksForTheReceiver(long now) =>
        settings.DestinationBreaker.Enabled
        && FailuresInARow >= settings.DestinationBreaker.MaxFailures
        && _failed.Count >= _differentNeeded
        && (_hasDecisiveFailure || _expiring >= _differentNeeded)
        && time.GetElapsedTime(_failingSince, now) >= _firstWaits;

    private void Open(long now)
    {
        (State, ProbeAt) = (BreakerState.Open, time.After(now, settings.DestinationBreaker.ResetTimeout));
        _failed.Clear(); // so that settled requests are not kept in memory
    }
}
