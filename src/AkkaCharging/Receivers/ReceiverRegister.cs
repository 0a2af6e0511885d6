using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Timing;

namespace AkkaCharging.Receivers;

/// <summary>
/// All receivers with pending requests, and for a minute those without: prevents one receiver from delaying another.
/// </summary>
/// <remarks>
/// Shared by all lanes and thread-safe: its lock guards everything in this folder. An attempt takes the lock twice, for
/// less time than writing the attempt's headers takes. One timer runs when the state of a receiver changes by time
/// alone; without pending requests there is no timer.
/// </remarks>
internal sealed class ReceiverRegister : IDisposable
{
    // Idle receivers are not worth more memory than this.
    private const int IdleMax = 10_000;
    private const int StaleWakesMax = 1_000;

    // A timer accepts at most 49 days; waking too early only costs a check.
    private static readonly TimeSpan LongestSleep = TimeSpan.FromHours(1);

    /// <summary>How long a receiver without pending requests is remembered.</summary>
    public static readonly TimeSpan Remembered = TimeSpan.FromSeconds(60);

    private readonly Lock _gate = new();
    private readonly Dictionary<DestinationKey, Receiver> _all = [];
    private readonly LinkedList<Receiver> _idle = new();
    private readonly PriorityQueue<Receiver, long> _wakes = new();
    private readonly FairSlots _attempts;
    private readonly FairSlots _retries;
    private readonly QueueShares _shares;
    private readonly TimeProvider _time;
    private readonly Action<DestinationKey, BreakerState> _breakerMoved;
    private readonly ITimer _timer;
    private long _timerAt = long.MaxValue;
    private int _nodes = 1;
    private bool _isDraining;

    /// <param name="breakerMoved">Called under the lock when a receiver's breaker opens or closes; it closes, too, when
    /// its receiver is forgotten.</param>
    public ReceiverRegister(
        CallbackSettings settings,
        QueueSettings queue,
        TimeProvider time,
        Action<DestinationKey, BreakerState>? breakerMoved = null
    )
    {
        (Settings, _time, _breakerMoved) = (settings, time, breakerMoved ?? ((_, _) => { }));
        _attempts = new FairSlots(settings.MaxInFlight, time);
        _retries = new FairSlots(settings.MaxConcurrentRetries, time);
        _shares = new QueueShares(queue);
        _timer = time.CreateTimer(_ => Wake(), state: null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public CallbackSettings Settings { get; }

    /// <summary>Number of remembered receivers.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _all.Count;
        }
    }

    /// <summary>Number of callback attempts in flight.</summary>
    public int InFlight
    {
        get
        {
            lock (_gate)
                return Settings.MaxInFlight - _attempts.Free;
        }
    }

    /// <summary>The number of pending requests of receivers that are not proven, and its maximum.</summary>
    public (int Pending, double Max) Unproven
    {
        get
        {
            lock (_gate)
                return (_shares.Unproven, _shares.UnprovenMax);
        }
    }

    private int MaxInFlightPerReceiver => Math.Max(1, Settings.MaxInFlightPerDestination / _nodes);

    /// <summary>The number of receivers by standing.</summary>
    public ReceiverCounts Counts
    {
        get
        {
            lock (_gate)
                return new(
                    Of(Standing.New),
                    Of(Standing.Proven),
                    Of(Standing.Silent),
                    _all.Values.Count(receiver => receiver.Breaker != BreakerState.Closed)
                );

            int Of(Standing standing) => _all.Values.Count(receiver => receiver.Standing == standing);
        }
    }

    /// <summary>Sets the number of processes that share <c>callback.maxInFlightPerDestination</c>.</summary>
    public void Divide(int nodes)
    {
        lock (_gate)
        {
            _nodes = nodes;
            foreach (var receiver in _all.Values)
                receiver.SetMaxInFlight(MaxInFlightPerReceiver);
        }
    }

    /// <summary>
    /// Admits a request, unless its receiver or the receivers of its standing have used up their share of the queue.
    /// </summary>
    /// <param name="free">Number of free places of the queue.</param>
    /// <param name="receiver">The receiver; null when the request was not admitted.</param>
    /// <param name="retryAfter">When to retry for a backlogged receiver: after 1 to 60 s.</param>
    public AdmissionVerdict TryAdmit(DestinationKey key, int free, out Receiver? receiver, out TimeSpan retryAfter)
    {
        lock (_gate)
        {
            (receiver, retryAfter) = (null, TimeSpan.Zero);
            var found = Find(key);
            var verdict = _shares.Judge(found.Standing, found.Admitted, free);
            if (verdict != AdmissionVerdict.Entered)
            {
                Rest(found);
                if (verdict == AdmissionVerdict.DestinationBacklogged)
                    retryAfter = found.DrainRate.RetryAfter(found.Admitted);
                return verdict;
            }

            found.Admitted++;
            found.Pending++;
            _shares.Count(found.Standing, 1);
            receiver = found;
            return verdict;
        }
    }

    /// <summary>Removes an admitted request.</summary>
    public void LeaveAdmitted(Receiver receiver)
    {
        lock (_gate)
        {
            receiver.Admitted--;
            _shares.Count(receiver.Standing, -1);
            receiver.DrainRate.CountOne();
            Leave(receiver);
        }
    }

    /// <summary>Adds a request that was accepted earlier, even above the receiver's share.</summary>
    public Receiver Join(DestinationKey key)
    {
        lock (_gate)
        {
            var receiver = Find(key);
            receiver.Pending++;
            return receiver;
        }
    }

    /// <summary>Removes a request added by <see cref="Join"/>.</summary>
    public void Leave(Receiver receiver)
    {
        lock (_gate)
        {
            receiver.Pending--;
            Rest(receiver);
        }
    }

    /// <summary>Takes a slot for an attempt, or queues the turn.</summary>
    /// <returns>
    /// True when the slot was taken at once; otherwise <paramref name="turn"/> is started or released later.
    /// </returns>
    public bool TakeAttemptOrWait(Receiver receiver, ITurn turn)
    {
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            receiver.OnAsked(now);
            return TakeOrWait(receiver, receiver.Attempts, _attempts, turn, now);
        }
    }

    /// <summary>Releases the slot of an attempt.</summary>
    /// <param name="attempt">The attempt; null when it was not made or not finished.</param>
    /// <returns>Whether the receiver is at fault for the failure, so that the request keeps its attempt.</returns>
    public bool EndAttempt(Receiver receiver, ITurn turn, CallbackAttempt? attempt)
    {
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            var breaker = receiver.Breaker;
            var isReceiversFault = receiver.Learn(turn, attempt, now);
            _attempts.GiveBack(receiver.Attempts);
            Review(receiver, breaker, now);
            Rest(receiver);
            return isReceiversFault;
        }
    }

    /// <summary>Takes a place of the retry lane, or queues the turn.</summary>
    /// <returns>
    /// True when the place was taken at once; otherwise <paramref name="turn"/> is started or released later.
    /// </returns>
    public bool TakeRetryPlaceOrWait(Receiver receiver, ITurn turn)
    {
        lock (_gate)
            return TakeOrWait(receiver, receiver.Retries, _retries, turn, _time.GetTimestamp());
    }

    /// <summary>Releases a place of the retry lane.</summary>
    public void EndRetry(Receiver receiver)
    {
        lock (_gate)
        {
            _retries.GiveBack(receiver.Retries);
            _retries.Consider(receiver.Retries);
            _retries.Serve(_time.GetTimestamp());
            Rest(receiver);
            Arm();
        }
    }

    /// <summary>Releases all turns of <paramref name="owner"/>, and drops turns whose owner has ended.</summary>
    public void Release(object owner)
    {
        lock (_gate)
        {
            foreach (var receiver in _all.Values)
                Release(receiver, turn => ReferenceEquals(turn.Owner, owner));
        }
    }

    /// <summary>
    /// From now on releases turns at receivers that are paused or whose breaker is not closed: the process stops, and
    /// the journal keeps their requests.
    /// </summary>
    public void Drain()
    {
        lock (_gate)
        {
            _isDraining = true;
            foreach (var receiver in _all.Values.Where(receiver => receiver.IsShut))
                Release(receiver, _ => true);
        }
    }

    /// <summary>Returns the status of a receiver; null when this process does not know it.</summary>
    public ReceiverStatus? Status(DestinationKey key)
    {
        lock (_gate)
            return _all.GetValueOrDefault(key)?.Status(_time.GetTimestamp());
    }

    /// <summary>
    /// Lists the receivers with pending requests and the paused ones, ordered by the number of pending requests.
    /// </summary>
    public IReadOnlyList<ReceiverStatus> Status(int max)
    {
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            return
            [
                .. _all
                    .Values.Where(receiver => receiver.Pending > 0 || receiver.IsPaused)
                    .OrderByDescending(receiver => receiver.Pending)
                    .Take(max)
                    .Select(receiver => receiver.Status(now)),
            ];
        }
    }

    /// <summary>
    /// Holds callbacks to <paramref name="key"/> until <see cref="Resume"/> or the end of the process; held requests
    /// may expire.
    /// </summary>
    public void Pause(DestinationKey key)
    {
        lock (_gate)
        {
            var receiver = Find(key);
            receiver.PausedAt ??= _time.GetTimestamp();
            ReleaseWhenDraining(receiver);
        }
    }

    /// <returns>False when the receiver was not paused.</returns>
    public bool Resume(DestinationKey key)
    {
        lock (_gate)
        {
            if (!_all.TryGetValue(key, out var receiver) || !receiver.IsPaused)
                return false;
            receiver.PausedAt = null;
            Review(receiver, receiver.Breaker, _time.GetTimestamp());
            Rest(receiver);
            return true;
        }
    }

    public void Dispose() => _timer.Dispose();

    private bool TakeOrWait(Receiver receiver, TurnLine line, FairSlots slots, ITurn turn, long now)
    {
        if (line is { WaitingCount: 0, HasRoom: true } && slots.TryTake(line, now))
        {
            line.OnStarted(turn, now);
            Schedule(receiver);
            return true;
        }

        line.Enqueue(turn);
        ReleaseWhenDraining(receiver);
        slots.Consider(line);
        Schedule(receiver);
        return false;
    }

    /// <summary>Updates a receiver's standing, and moves its slots, its turns and its timer accordingly.</summary>
    /// <param name="breakerBefore">The state of the breaker before the latest event.</param>
    private void Review(Receiver receiver, BreakerState breakerBefore, long now)
    {
        receiver.Review(now);
        var before = receiver.Attempts.Standing; // the standing that it is counted with
        if (receiver.Standing != before)
        {
            _shares.Count(before, -receiver.Admitted);
            _shares.Count(receiver.Standing, receiver.Admitted);
            _attempts.Move(receiver.Attempts, receiver.Standing);
            _retries.Move(receiver.Retries, receiver.Standing);
            _retries.Serve(now);
        }

        if ((receiver.Breaker == BreakerState.Closed) != (breakerBefore == BreakerState.Closed))
            _breakerMoved(receiver.Key, receiver.Breaker);
        ReleaseWhenDraining(receiver);
        _attempts.Consider(receiver.Attempts);
        _attempts.Serve(now);
        Schedule(receiver);
    }

    private void ReleaseWhenDraining(Receiver receiver)
    {
        if (_isDraining && receiver.IsShut)
            Release(receiver, _ => true);
    }

    private static void Release(Receiver receiver, Predicate<ITurn> matches)
    {
        receiver.Attempts.Release(matches);
        receiver.Retries.Release(matches);
    }

    private Receiver Find(DestinationKey key)
    {
        if (!_all.TryGetValue(key, out var receiver))
            _all.Add(key, receiver = new Receiver(key, Settings, MaxInFlightPerReceiver, _retries, _time));
        else if (receiver.IdleNode.List is not null)
            _idle.Remove(receiver.IdleNode);
        return receiver;
    }

    private void Rest(Receiver receiver)
    {
        var isUsed = receiver.Pending > 0 || receiver.Attempts.Taken > 0 || receiver.Retries.Taken > 0;
        if (isUsed || receiver.IsPaused || receiver.IdleNode.List is not null)
            return;
        if (!receiver.IsWorthRemembering)
        {
            Forget(receiver);
            return;
        }

        receiver.IdleSince = _time.GetTimestamp();
        _idle.AddLast(receiver.IdleNode);
        if (_idle.Count > IdleMax)
            Evict(_idle.First!.Value);
        Arm();
    }

    private void Evict(Receiver receiver)
    {
        _idle.Remove(receiver.IdleNode);
        Forget(receiver);
    }

    private void Forget(Receiver receiver)
    {
        _all.Remove(receiver.Key);
        FairSlots.Remove(receiver.Attempts);
        FairSlots.Remove(receiver.Retries);
        receiver.WakeAt = long.MaxValue; // its entry among the wakes is skipped
        if (receiver.Breaker != BreakerState.Closed)
            _breakerMoved(receiver.Key, BreakerState.Closed);
    }

    private void Schedule(Receiver receiver)
    {
        if (receiver.NextChangeAt is var at && at < receiver.WakeAt)
        {
            receiver.WakeAt = at;
            _wakes.Enqueue(receiver, at);
            if (_wakes.Count > (2 * _all.Count) + StaleWakesMax)
                DropStaleWakes();
        }

        Arm();
    }

    private void DropStaleWakes()
    {
        _wakes.Clear();
        foreach (var receiver in _all.Values.Where(receiver => receiver.WakeAt != long.MaxValue))
            _wakes.Enqueue(receiver, receiver.WakeAt);
    }

    private void Arm()
    {
        var next = _wakes.TryPeek(out _, out var at) ? at : long.MaxValue;
        next = Math.Min(next, _attempts.NextFirstCallAt ?? long.MaxValue);
        next = Math.Min(next, _retries.NextFirstCallAt ?? long.MaxValue);
        if (_idle.First is { } oldest)
            next = Math.Min(next, _time.After(oldest.Value.IdleSince, Remembered));
        if (next >= _timerAt)
            return;
        _timerAt = next;
        var wait = _time.Until(next);
        _timer.Change(
            TimeSpan.FromMilliseconds(
                Math.Clamp(Math.Ceiling(wait.TotalMilliseconds), 0, LongestSleep.TotalMilliseconds)
            ),
            Timeout.InfiniteTimeSpan
        );
    }

    private void Wake()
    {
        lock (_gate)
        {
            _timerAt = long.MinValue; // set once, at the end
            var now = _time.GetTimestamp();
            while (_wakes.TryPeek(out var receiver, out var at) && at <= now)
            {
                _wakes.Dequeue();
                if (receiver.WakeAt != at)
                    continue;
                receiver.WakeAt = long.MaxValue;
                receiver.ReleaseExpired(now);
                Review(receiver, receiver.Breaker, now);
            }

            while (_idle.First is { } oldest && _time.GetElapsedTime(oldest.Value.IdleSince, now) >= Remembered)
                Evict(oldest.Value);
            _attempts.Serve(now);
            _retries.Serve(now);
            _timerAt = long.MaxValue;
            Arm();
        }
    }
}
