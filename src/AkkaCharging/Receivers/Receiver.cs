using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Receivers;

/// <summary>
/// One receiver: its standing, its breaker, how many attempts it may have in flight, and who waits for one.
/// </summary>
/// <remarks>
/// Everything here is used under the lock of the <see cref="ReceiverRegister"/>, which alone calls it; to others a
/// receiver is a handle.
/// </remarks>
internal sealed class Receiver
{
    /// <summary>How long a delivery waits for an answer until its receiver counts as silent.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly EarnedLimit _limit;
    private readonly ReceiverBreaker _breaker;
    private readonly AttemptLine _attempts;
    private ITurn? _probe;
    private bool _hasAnswered;
    private long? _unansweredSince;
    private CallbackAttempt? _last;

    public Receiver(DestinationKey key, CallbackSettings settings, int maxInFlight, TimeProvider time)
    {
        (Key, _time) = (key, time);
        _limit = new EarnedLimit(maxInFlight);
        _breaker = new ReceiverBreaker(settings, time);
        _attempts = new AttemptLine(this);
        DrainRate = new DrainRate(time);
        IdleNode = new LinkedListNode<Receiver>(this);
    }

    public DestinationKey Key { get; }

    public Standing Standing { get; private set; }

    public BreakerState Breaker => _breaker.State;

    public bool IsPaused { get; set; }

    /// <summary>
    /// Whether what waits cannot go on by itself: the receiver is paused, or its breaker is not closed.
    /// </summary>
    public bool IsShut => IsPaused || _breaker.State != BreakerState.Closed;

    /// <summary>Whether something is known that a new one would not start with.</summary>
    public bool IsWorthRemembering => _hasAnswered || _breaker.FailuresInARow > 0;

    /// <summary>Its line for attempts.</summary>
    public TurnLine Attempts => _attempts;

    /// <summary>
    /// Its line for places of the retry lane; others limit what it holds, because free places go round.
    /// </summary>
    public TurnLine Retries { get; } = new RetryLine();

    /// <summary>Admitted requests that are not settled; written by the register.</summary>
    public int Admitted { get; set; }

    /// <summary>All requests that are not settled, admitted and recovered; written by the register.</summary>
    public int Pending { get; set; }

    public DrainRate DrainRate { get; }

    /// <summary>Its place among idle receivers; written by the register.</summary>
    public LinkedListNode<Receiver> IdleNode { get; }

    /// <summary>A timestamp; written by the register.</summary>
    public long IdleSince { get; set; }

    /// <summary>When the register looks at it again; written by the register.</summary>
    public long WakeAt { get; set; } = long.MaxValue;

    /// <summary>When its state changes though nothing happens to it: a timestamp.</summary>
    public long NextChangeAt
    {
        get
        {
            var silentAt =
                Standing != Standing.Silent && _unansweredSince is { } since
                    ? _time.After(since, Silence)
                    : long.MaxValue;
            var expiryAt = Math.Min(_attempts.EarliestDeadline, Retries.EarliestDeadline);
            return Math.Min(Math.Min(silentAt, expiryAt), _breaker.ProbeAt ?? long.MaxValue);
        }
    }

    /// <summary>Notes that a delivery asks for its first answer: from then on silence counts.</summary>
    public void OnAsked(long now)
    {
        if (!_hasAnswered)
            _unansweredSince ??= now;
    }

    /// <summary>Learns from an attempt that ended, before its slot is given back.</summary>
    /// <param name="attempt">Null when it was not made or not finished.</param>
    /// <returns>Whether the receiver is to blame for a failure: it says nothing about the request then.</returns>
    public bool Learn(ITurn turn, CallbackAttempt? attempt, long now)
    {
        var isProbe = ReferenceEquals(_probe, turn);
        if (isProbe)
            _probe = null;
        if (attempt is null)
        {
            if (_attempts.Taken <= 1 && _hasAnswered && _breaker.FailuresInARow == 0)
                _unansweredSince = null;
            return false;
        }

        _last = attempt;

        // Says nothing about the receiver: it was not asked. And both in the same way, or the breaker would tell
        // callers whether a name exists that they may not be called back at. A name server's silence passes, so that
        // requests are kept waiting for it.
        if (attempt.Outcome == CallbackOutcome.Blocked || attempt.Cause == AttemptCause.NameNotFound)
            return false;
        if (attempt is { Outcome: CallbackOutcome.Success or CallbackOutcome.HttpError, HttpStatus: < 500 })
        {
            OnAnswer(attempt.HttpStatus == 429, now);
            return false;
        }

        // A 500 is an answer, if not the one that was wanted: requests that always fail leave the others their slots.
        if (attempt.HttpStatus is null or 502 or 503 or 504)
            _limit.OnFailure();
        _breaker.OnFailure(turn.Delivery, turn.Attempt, isProbe, now);
        if (_breaker.State == BreakerState.Open)
            _limit.Reset();
        return _breaker.State != BreakerState.Closed;
    }

    /// <summary>Lets a probe go if it is time, and judges the standing.</summary>
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

    /// <summary>Changes how many attempts it can earn at most.</summary>
    public void SetMaxInFlight(int max) => _limit.SetMax(max);

    public ReceiverStatus Status(long now) =>
        new(
            Key: Key,
            Standing: Standing,
            Breaker: _breaker.State,
            IsPaused: IsPaused,
            Pending: Pending,
            InFlight: _attempts.Taken,
            InFlightMax: _limit.Value,
            Waiting: _attempts.WaitingCount,
            Retrying: Retries.Taken,
            FailuresInARow: _breaker.FailuresInARow,
            FailingSince: _breaker.FailingSince is { } since
                ? _time.GetUtcNow() - _time.GetElapsedTime(since, now)
                : null,
            ProbeAt: _breaker.ProbeAt is { } at ? _time.GetUtcNow() + _time.GetElapsedTime(now, at) : null,
            LastAttempt: _last
        );

    private void OnAnswer(bool asksForLess, long now)
    {
        if (asksForLess)
            _limit.OnFailure();
        else
            _limit.OnAnswer(_attempts.Taken);
        _breaker.OnAnswer();
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

    private sealed class RetryLine : TurnLine
    {
        public override bool HasRoom => true;
    }
}
