using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Timing;

namespace AkkaCharging.Receivers;

/// <summary>
/// A receiver: its standing, its breaker, the limit of its attempts in flight, and the deliveries that wait for it.
/// </summary>
/// <remarks>
/// All members are used under the lock of the <see cref="ReceiverRegister"/>, which alone calls them; to other classes
/// a receiver is an opaque handle.
/// </remarks>
internal sealed class Receiver
{
    /// <summary>Time without an answer after which a receiver counts as silent.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(1);

    // Each release looks through the lines, under the lock of all receivers. No attempt starts after its deadline, so
    // the delay is harmless.
    private static readonly TimeSpan BetweenReleases = TimeSpan.FromMilliseconds(100);

    private readonly TimeProvider _time;
    private readonly EarnedLimit _limit;
    private readonly ReceiverBreaker _breaker;
    private readonly AttemptLine _attempts;
    private ITurn? _probe;
    private bool _wasCalled;
    private bool _hasAnswered;
    private long? _unansweredSince;
    private long _nextReleaseAt = long.MinValue;
    private CallbackAttempt? _last;

    /// <param name="places">The places of the retry lane.</param>
    public Receiver(DestinationKey key, CallbackSettings settings, int maxInFlight, FairSlots places, TimeProvider time)
    {
        (Key, _time) = (key, time);
        _limit = new EarnedLimit(maxInFlight);
        _breaker = new ReceiverBreaker(settings, time);
        _attempts = new AttemptLine(this);
        Retries = new RetryLine(places);
        DrainRate = new DrainRate(time);
        IdleNode = new LinkedListNode<Receiver>(this);
    }

    public DestinationKey Key { get; }

    public Standing Standing { get; private set; }

    public BreakerState Breaker => _breaker.State;

    /// <summary>Timestamp of the pause; null while the receiver is not paused.</summary>
    public long? PausedAt { get; set; }

    public bool IsPaused => PausedAt is not null;

    /// <summary>
    /// Whether waiting deliveries cannot start: the receiver is paused, or its breaker is not closed.
    /// </summary>
    public bool IsShut => IsPaused || _breaker.State != BreakerState.Closed;

    /// <summary>Whether the receiver has a history that a new one lacks.</summary>
    public bool IsWorthRemembering => _hasAnswered || _breaker.FailuresInARow > 0;

    /// <summary>The line for attempts.</summary>
    public TurnLine Attempts => _attempts;

    /// <summary>The line for places of the retry lane.</summary>
    public TurnLine Retries { get; }

    /// <summary>Number of admitted, unsettled requests; written by the register.</summary>
    public int Admitted { get; set; }

    /// <summary>Number of unsettled requests, admitted or recovered; written by the register.</summary>
    public int Pending { get; set; }

    public DrainRate DrainRate { get; }

    /// <summary>The receiver's node in the list of idle receivers; written by the register.</summary>
    public LinkedListNode<Receiver> IdleNode { get; }

    /// <summary>Timestamp since which the receiver is idle; written by the register.</summary>
    public long IdleSince { get; set; }

    /// <summary>When the register reviews the receiver again; written by the register.</summary>
    public long WakeAt { get; set; } = long.MaxValue;

    /// <summary>Timestamp of the next change of state by time alone.</summary>
    public long NextChangeAt
    {
        get
        {
            var silentAt =
                Standing != Standing.Silent && _unansweredSince is { } since
                    ? _time.After(since, Silence)
                    : long.MaxValue;
            return Math.Min(Math.Min(silentAt, ReleaseAt), _breaker.ProbeAt ?? long.MaxValue);
        }
    }

    private long ReleaseAt => Math.Max(Math.Min(_attempts.EarliestDeadline, Retries.EarliestDeadline), _nextReleaseAt);

    /// <summary>Releases turns whose deadline has passed, at most every 100 ms.</summary>
    public void ReleaseExpired(long now)
    {
        if (now < ReleaseAt)
            return;
        _attempts.ReleaseExpired(now);
        Retries.ReleaseExpired(now);
        _nextReleaseAt = _time.After(now, BetweenReleases);

        // Nothing was sent to it, and nothing waits any more: the wait is not held against it.
        if (!_wasCalled && _attempts is { WaitingCount: 0, Taken: 0 })
            (_unansweredSince, Standing) = (null, Standing.New);
    }

    /// <summary>Records that a delivery waits for the receiver's first answer: from now on silence counts.</summary>
    public void OnAsked(long now)
    {
        if (!_hasAnswered)
            _unansweredSince ??= now;
    }

    /// <summary>Updates the receiver after an attempt, before its slot is released.</summary>
    /// <param name="attempt">The attempt; null when it was not made or not finished.</param>
    /// <returns>Whether the receiver is at fault for a failure, which then says nothing about the request.</returns>
    public bool Learn(ITurn turn, CallbackAttempt? attempt, long now)
    {
        var isProbe = ReferenceEquals(_probe, turn);
        if (isProbe)
            _probe = null;
        if (attempt is null)
        {
            // A new receiver was not asked, unless further deliveries wait for its first answer.
            if (_hasAnswered || _attempts.WaitingCount == 0)
                StopAwaiting();
            return false;
        }

        _last = attempt;
        _wasCalled = true;

        // Neither says anything about the receiver, which was not contacted. Both are treated alike, because the
        // breaker would otherwise reveal to callers whether a rejected name exists. Silence of a name server is
        // temporary, so requests are kept waiting for it.
        if (attempt.Outcome == CallbackOutcome.Blocked || attempt.Cause == AttemptCause.NameNotFound)
        {
            if (_hasAnswered)
                StopAwaiting();
            return false;
        }

        if (attempt is { Outcome: CallbackOutcome.Success or CallbackOutcome.HttpError, HttpStatus: < 500 or >= 600 })
        {
            OnAnswer(attempt.HttpStatus == 429, now);
            return false;
        }

        // A 500 counts as an answer: requests that always fail must not block those of others.
        if (attempt.HttpStatus is null or 502 or 503 or 504)
            _limit.OnFailure();
        _breaker.OnFailure(turn.Delivery, turn.Attempt, turn.Deadline, isProbe, now);
        if (_breaker.State == BreakerState.Open)
            _limit.Reset();
        return _breaker.State != BreakerState.Closed;
    }

    /// <summary>Starts a probe if one is due, and updates the standing.</summary>
    public void Review(long now)
    {
        _breaker.TryHalfOpen(now);
        var isSilent =
            Standing == Standing.Silent
            || _breaker.State != BreakerState.Closed
            || (_unansweredSince is { } since && _time.GetElapsedTime(since, now) >= Silence);
        Standing =
            isSilent ? Standing.Silent
            : _hasAnswered ? Standing.Proven
            : Standing.New;
    }

    /// <summary>Changes the highest limit of attempts in flight that the receiver can earn.</summary>
    public void SetMaxInFlight(int max) => _limit.SetMax(max);

    public ReceiverStatus Status(long now) =>
        new(
            Key: Key,
            Standing: Standing,
            Breaker: _breaker.State,
            PausedSince: Instant(PausedAt, now),
            Pending: Pending,
            InFlight: _attempts.Taken,
            InFlightMax: _limit.Value,
            Waiting: _attempts.WaitingCount,
            Retrying: Retries.Taken,
            FailuresInARow: _breaker.FailuresInARow,
            FailingSince: Instant(_breaker.FailingSince, now),
            ProbeAt: _breaker.ProbeAt is { } at ? _time.GetUtcNow() + _time.GetElapsedTime(now, at) : null,
            LastAttempt: _last
        );

    private DateTimeOffset? Instant(long? timestamp, long now) =>
        timestamp is { } past ? _time.GetUtcNow() - _time.GetElapsedTime(past, now) : null;

    /// <summary>
    /// Ends the wait for an answer when the last attempt in flight ends without having asked for one.
    /// </summary>
    private void StopAwaiting()
    {
        if (_attempts.Taken <= 1 && _breaker.FailuresInARow == 0)
            _unansweredSince = null;
    }

    private void OnAnswer(bool asksForLess, long now)
    {
        if (asksForLess)
            _limit.OnFailure();
        else
            _limit.OnAnswer(_attempts.Taken);
        _breaker.OnAnswer();
        _probe = null; // of a breaker that is closed by now
        _hasAnswered = true;
        _unansweredSince = _attempts.Taken > 1 ? now : null;
        Standing = Standing.Proven;
    }

    private sealed class AttemptLine(Receiver receiver) : TurnLine
    {
        public override bool HasRoom =>
            !receiver.IsPaused
            && receiver._breaker.State switch
            {
                BreakerState.Closed => Taken < receiver._limit.Value,
                BreakerState.HalfOpen => receiver._probe is null,
                _ => false,
            };

        public override void OnStarted(ITurn turn, long now)
        {
            base.OnStarted(turn, now);
            if (receiver._breaker.State == BreakerState.HalfOpen)
                receiver._probe = turn;
            receiver._unansweredSince ??= now;
        }
    }

    private sealed class RetryLine(FairSlots places) : TurnLine
    {
        // A place is held for as long as the receiver is away. Whatever receivers hold, this leaves places for the next
        // one, as the threshold of the queue does.
        private const int TimesTheFree = 4;

        public override int FreeNeeded => (Taken / TimesTheFree) + 1;

        public override bool HasRoom => FreeNeeded <= Math.Max(places.Free, 1);
    }
}
