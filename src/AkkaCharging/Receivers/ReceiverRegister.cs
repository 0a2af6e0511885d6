using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Receivers;

/// <summary>
/// All receivers that requests are pending for, and for a minute those that were: what keeps one of them from delaying
/// another.
/// </summary>
/// <remarks>
/// Over all lanes. Its lock guards everything in this folder; its methods may be called from any thread. An attempt
/// takes the lock twice, for less time than the attempt's own headers take to write. One timer wakes it when the state
/// of a receiver changes by time alone; with nothing pending it sleeps.
/// </remarks>
internal sealed class ReceiverRegister : IDisposable
{
    // What is known about idle receivers is not worth more memory than this.
    private const int IdleMax = 10_000;
    private const int StaleWakesMax = 1_000;

    // A timer takes no more than 49 days; waking too early costs a look.
    private static readonly TimeSpan LongestSleep = TimeSpan.FromHours(1);

    /// <summary>How long a receiver is remembered that nothing is pending for.</summary>
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

    /// <param name="breakerMoved">Called under the lock when a receiver's breaker opens or closes.</param>
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

    /// <summary>How many receivers are remembered at present.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _all.Count;
        }
    }

    /// <summary>Callback attempts under way.</summary>
    public int InFlight
    {
        get
        {
            lock (_gate)
                return Settings.MaxInFlight - _attempts.Free;
        }
    }

    /// <summary>What receivers that are not proven hold of their half of the queue, and how large that is.</summary>
    public (int Pending, double Max) Unproven
    {
        get
        {
            lock (_gate)
                return (_shares.Unproven, _shares.UnprovenMax);
        }
    }

    private int MaxInFlightPerReceiver => Math.Max(1, Settings.MaxInFlightPerDestination / _nodes);

    /// <summary>How many receivers there are of each kind at present.</summary>
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

    /// <summary>Divides <c>callback.maxInFlightPerDestination</c> among so many processes from now on.</summary>
    public void Divide(int nodes)
    {
        lock (_gate)
        {
            _nodes = nodes;
            foreach (var receiver in _all.Values)
                receiver.SetMaxInFlight(MaxInFlightPerReceiver);
        }
    }

    /// <summary>Admits a request, unless its receiver or those of its standing hold their share of the queue.</summary>
    /// <param name="free">Places of the queue that nobody holds.</param>
    /// <param name="receiver">Not null when the request was admitted.</param>
    /// <param name="retryAfter">When to come back to a receiver that is backlogged: 1 to 60 s.</param>
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

    /// <summary>Lets an admitted request go.</summary>
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

    /// <summary>Counts a request that was accepted before, whatever its receiver holds.</summary>
    public Receiver Join(DestinationKey key)
    {
        lock (_gate)
        {
            var receiver = Find(key);
            receiver.Pending++;
            return receiver;
        }
    }

    /// <summary>Lets a request go that joined.</summary>
    public void Leave(Receiver receiver)
    {
        lock (_gate)
        {
            receiver.Pending--;
            Rest(receiver);
        }
    }

    /// <summary>Takes a slot for an attempt, or waits for one.</summary>
    /// <returns>True when it was taken at once; otherwise <paramref name="turn"/> is started or released
    /// later.</returns>
    public bool TakeAttemptOrWait(Receiver receiver, ITurn turn)
    {
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            receiver.OnAsked(now);
            return TakeOrWait(receiver, receiver.Attempts, _attempts, turn, now);
        }
    }

    /// <summary>Gives the slot of an attempt back.</summary>
    /// <param name="attempt">How it ended; null when it was not made or not finished.</param>
    /// <returns>Whether the receiver is to blame for the failure, so that it uses up no attempt of the
    /// request.</returns>
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

    /// <summary>Takes a place of the retry lane, or waits for one.</summary>
    /// <returns>True when it was taken at once; otherwise <paramref name="turn"/> is started or released
    /// later.</returns>
    public bool TakeRetryPlaceOrWait(Receiver receiver, ITurn turn)
    {
        lock (_gate)
            return TakeOrWait(receiver, receiver.Retries, _retries, turn, _time.GetTimestamp());
    }

    /// <summary>Gives a place of the retry lane back.</summary>
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

    /// <summary>Releases everything that waits for <paramref name="owner"/>, and drops what waits for nobody.</summary>
    public void Release(object owner)
    {
        lock (_gate)
        {
            foreach (var receiver in _all.Values)
                Release(receiver, turn => ReferenceEquals(turn.Owner, owner));
        }
    }

    /// <summary>
    /// Releases from now on what waits for a receiver that is paused or whose breaker is not closed: the process
    /// stops, and the journal keeps it.
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

    /// <summary>The status of one receiver; null while this process knows nothing of it.</summary>
    public ReceiverStatus? Status(DestinationKey key)
    {
        lock (_gate)
            return _all.GetValueOrDefault(key)?.Status(_time.GetTimestamp());
    }

    /// <summary>
    /// Receivers that requests are pending for, and those that are paused; the ones with most pending requests first.
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
    /// Lets callbacks to <paramref name="key"/> wait, until <see cref="Resume"/> or the end of the process; they go on
    /// to age.
    /// </summary>
    public void Pause(DestinationKey key)
    {
        lock (_gate)
        {
            var receiver = Find(key);
            receiver.IsPaused = true;
            ReleaseWhenDraining(receiver);
        }
    }

    /// <returns>False when it was not paused.</returns>
    public bool Resume(DestinationKey key)
    {
        lock (_gate)
        {
            if (!_all.TryGetValue(key, out var receiver) || !receiver.IsPaused)
                return false;
            receiver.IsPaused = false;
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

    /// <summary>Judges a receiver again, and moves what it holds and what waits for it where they belong now.</summary>
    /// <param name="breakerBefore">The state of its breaker before what happened to it.</param>
    private void Review(Receiver receiver, BreakerState breakerBefore, long now)
    {
        receiver.Review(now);
        var before = receiver.Attempts.Standing; // the one that it is counted with
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
            _all.Add(key, receiver = new Receiver(key, Settings, MaxInFlightPerReceiver, _time));
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
        receiver.WakeAt = long.MaxValue; // its entry among the wakes is passed over
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
        var wait = _time.GetElapsedTime(_time.GetTimestamp(), next);
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
            _timerAt = long.MinValue; // armed once, at the end
            var now = _time.GetTimestamp();
            while (_wakes.TryPeek(out var receiver, out var at) && at <= now)
            {
                _wakes.Dequeue();
                if (receiver.WakeAt != at)
                    continue;
                receiver.WakeAt = long.MaxValue;
                receiver.Attempts.ReleaseExpired(now);
                receiver.Retries.ReleaseExpired(now);
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
