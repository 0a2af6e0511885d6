using AkkaCharging.Requests;

namespace AkkaCharging.Receivers;

/// <summary>
/// One receiver: how many attempts it may have in flight, who waits for one, and whether it is called at all at
/// present.
/// </summary>
/// <remarks>
/// It starts with 2 attempts in flight. An answer while all are used earns one more, up to
/// <c>callback.maxInFlightPerDestination</c>; a failure halves them. <c>callback.destinationBreaker.maxFailures</c>
/// failures in a row open its breaker: attempts then wait, but for one probe each <c>resetTimeoutMillis</c>. Failures
/// are time-outs, network errors (but names that do not exist) and 5xx. Its methods may be called from any thread.
/// </remarks>
internal sealed class Destination
{
    /// <summary>
    /// How long an answer speaks for a destination that nothing is pending for. One that waits for its decisions is not
    /// to blame for its silence.
    /// </summary>
    public static readonly TimeSpan Remembered = TimeSpan.FromSeconds(60);

    // With attempts in flight and no answer for so long, it counts among the silent ones before the first of them times
    // out.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(2);
    private const int LeastInFlight = 2;

    private readonly Destinations _owner;
    private readonly AttemptLine _attempts;
    private readonly RetryLine _retries;
    private int _failuresInARow;
    private IWaitingDelivery? _probe;
    private ITimer? _reset;
    private long? _answeredAt;
    private long _busySince;

    public Destination(DestinationKey key, Destinations owner)
    {
        (Key, _owner) = (key, owner);
        InFlightMax = Least;
        _attempts = new AttemptLine(this, owner.Attempts);
        _retries = new RetryLine(this, owner.Retries);
        DrainRate = new DrainRate(owner.Time);
        IdleNode = new LinkedListNode<Destination>(this);
    }

    public DestinationKey Key { get; }

    /// <summary>Admitted requests that are not settled.</summary>
    public int Pending { get; set; }

    /// <summary>All requests that are not settled: admitted and recovered.</summary>
    public int Users { get; set; }

    /// <summary>Whether it has lately answered and does now; half of all shared places are kept for those.</summary>
    public bool IsAnswering { get; private set; }

    public bool IsPaused { get; private set; }

    public BreakerState Breaker { get; private set; }

    public int InFlightMax { get; private set; }

    /// <summary>Whether something is known that a new one would not start with.</summary>
    public bool IsWorthRemembering => _answeredAt is not null || _failuresInARow > 0;

    public DrainRate DrainRate { get; }

    public LinkedListNode<Destination> IdleNode { get; }

    public long IdleSince { get; set; }

    private int Least => Math.Min(LeastInFlight, _owner.MaxInFlightPerDestination);

    /// <summary>Takes a slot for an attempt, or waits for one.</summary>
    /// <returns>True when it was taken at once; else <paramref name="taker"/> is told.</returns>
    public bool TakeAttemptOrWait(IWaitingDelivery pending, ISlotTaker taker, bool isRetry)
    {
        lock (_owner.Gate)
            return _attempts.TakeOrWait(pending, taker, isRetry);
    }

    /// <summary>Gives the slot of an attempt back.</summary>
    /// <param name="attempt">What became of it; null when it was not made or not finished.</param>
    public void EndAttempt(IWaitingDelivery pending, CallbackAttempt? attempt)
    {
        lock (_owner.Gate)
        {
            var now = _owner.Time.GetTimestamp();
            var isProbe = ReferenceEquals(_probe, pending);
            if (isProbe)
                _probe = null;
            if (attempt is not null)
                Learn(attempt, isProbe, now);
            _owner.Attempts.GiveBack(_attempts);
            var hasChangedSides = Judge(now);
            _owner.Attempts.Consider(_attempts);
            _owner.Attempts.Serve();
            if (hasChangedSides)
                _owner.Retries.Serve();
        }
    }

    /// <summary>Takes a place of the retry lane, or waits for one.</summary>
    /// <returns>True when it was taken at once; else <paramref name="taker"/> is told.</returns>
    public bool TakeRetryOrWait(IWaitingDelivery pending, ISlotTaker taker)
    {
        lock (_owner.Gate)
            return _retries.TakeOrWait(pending, taker, isRetry: true);
    }

    /// <summary>Gives a place of the retry lane back.</summary>
    public void EndRetry()
    {
        lock (_owner.Gate)
        {
            _owner.Retries.GiveBack(_retries);
            _owner.Retries.Consider(_retries);
            _owner.Retries.Serve();
        }
    }

    /// <summary>
    /// Judges again whether it is answering, and lets go what expired while it waited. Under the lock.
    /// </summary>
    public void Sweep(long now)
    {
        Judge(now);
        _attempts.ReleaseExpired(now);
        _retries.ReleaseExpired(now);
    }

    /// <summary>Under the lock.</summary>
    public void SetPaused(bool isPaused)
    {
        IsPaused = isPaused;
        _owner.Attempts.Consider(_attempts);
        _owner.Attempts.Serve();
    }

    /// <summary>Its limit may have become smaller. Under the lock.</summary>
    public void Confine() => InFlightMax = Math.Min(InFlightMax, _owner.MaxInFlightPerDestination);

    /// <summary>Takes what waits for <paramref name="taker"/> out of its lines. Under the lock.</summary>
    public IEnumerable<IWaitingDelivery> Withdraw(ISlotTaker taker) =>
        _attempts.Withdraw(taker).Concat(_retries.Withdraw(taker));

    /// <summary>Under the lock.</summary>
    public DestinationStatus Status() =>
        new(
            Key,
            Breaker,
            IsPaused,
            IsAnswering,
            Users,
            _attempts.Taken,
            InFlightMax,
            _attempts.WaitingCount,
            _retries.Taken,
            _failuresInARow
        );

    /// <summary>Under the lock.</summary>
    public void Forget() => _reset?.Dispose();

    private void Learn(CallbackAttempt attempt, bool isProbe, long now)
    {
        // Says nothing about the receiver: it was not asked. And both in the same way, or the breaker would tell
        // callers whether a name exists that they may not be called back at. A name server's silence passes, so that
        // requests are kept waiting for it.
        if (attempt.Outcome == CallbackOutcome.Blocked || attempt.Cause == AttemptCause.NameNotFound)
            return;
        if (attempt is { Outcome: CallbackOutcome.Success or CallbackOutcome.HttpError, HttpStatus: < 500 })
        {
            _answeredAt = now;
            _failuresInARow = 0;
            if (Breaker != BreakerState.Closed)
                Close();
            if (attempt.HttpStatus == 429)
                InFlightMax = Halved();
            else if (_attempts.Taken >= InFlightMax)
                InFlightMax = Math.Min(InFlightMax + 1, _owner.MaxInFlightPerDestination);
            return;
        }

        _failuresInARow++;
        InFlightMax = Halved();
        if (
            _owner.Settings.DestinationBreaker.Enabled
            && (
                isProbe
                || (Breaker == BreakerState.Closed && _failuresInARow >= _owner.Settings.DestinationBreaker.MaxFailures)
            )
        )
            Open();
    }

    private int Halved() => Math.Max(InFlightMax / 2, Least);

    private void Open()
    {
        Breaker = BreakerState.Open;
        InFlightMax = Least; // what waits goes out slowly at first when it recovers
        _reset?.Dispose();
        _reset = _owner.Time.CreateTimer(
            static self => ((Destination)self!).LetAProbeGo(),
            this,
            _owner.Settings.DestinationBreaker.ResetTimeout,
            Timeout.InfiniteTimeSpan
        );
    }

    private void LetAProbeGo()
    {
        lock (_owner.Gate)
        {
            if (Breaker != BreakerState.Open)
                return;
            Breaker = BreakerState.HalfOpen;
            _owner.Attempts.Consider(_attempts);
            _owner.Attempts.Serve();
        }
    }

    private void Close()
    {
        Breaker = BreakerState.Closed;
        _reset?.Dispose();
        _reset = null;
    }

    private bool Judge(long now)
    {
        var time = _owner.Time;
        var isAnswering =
            _answeredAt is { } answeredAt
            && Breaker == BreakerState.Closed
            && (_attempts.Taken == 0 || time.GetElapsedTime(Math.Max(answeredAt, _busySince), now) <= Silence);
        if (isAnswering == IsAnswering)
            return false;
        IsAnswering = isAnswering;
        _owner.Attempts.MoveBetweenKinds(_attempts);
        _owner.Retries.MoveBetweenKinds(_retries);
        _owner.MovePendingBetweenKinds(this);
        return true;
    }

    private sealed class AttemptLine(Destination destination, SharedSlots slots) : SlotLine(destination, slots)
    {
        protected override bool HasRoom =>
            !Destination.IsPaused
            && Destination.Breaker switch
            {
                BreakerState.Closed => Taken < Destination.InFlightMax,
                BreakerState.HalfOpen => Destination._probe is null,
                _ => false,
            };

        protected override void OnStarted(IWaitingDelivery pending)
        {
            if (Destination.Breaker == BreakerState.HalfOpen)
                Destination._probe = pending;
            if (Taken == 1)
                Destination._busySince = Destination._owner.Time.GetTimestamp();
        }
    }

    private sealed class RetryLine(Destination destination, SharedSlots slots) : SlotLine(destination, slots)
    {
        protected override bool HasRoom => true; // what it holds beside others is theirs to limit: free places go round
    }
}

/// <summary>A destination as operators see it.</summary>
/// <param name="Pending">Requests that are not settled.</param>
/// <param name="Waiting">Those that wait for an attempt.</param>
/// <param name="Retrying">Those in the retry lane.</param>
internal sealed record DestinationStatus(
    DestinationKey Key,
    BreakerState Breaker,
    bool IsPaused,
    bool IsAnswering,
    int Pending,
    int InFlight,
    int InFlightMax,
    int Waiting,
    int Retrying,
    int FailuresInARow
);
