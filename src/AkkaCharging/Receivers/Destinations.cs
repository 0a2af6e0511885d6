using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Receivers;

/// <summary>
/// All receivers that requests are pending for, and for a minute those that were: what keeps one of them from delaying
/// another.
/// </summary>
/// <remarks>
/// Over all lanes. One lock guards it and everything in it: an attempt takes it twice, for less time than the attempt's
/// own headers take to write.
/// </remarks>
internal sealed class Destinations : IDisposable
{
    // What is known about an idle destination is not worth more memory than this.
    private const int IdleMax = 10_000;
    private static readonly TimeSpan SweepEvery = TimeSpan.FromSeconds(1);

    private readonly Dictionary<DestinationKey, Destination> _all = [];
    private readonly LinkedList<Destination> _idle = new();
    private readonly QueueSettings _queue;
    private readonly ITimer _sweep;
    private int _pendingOfSilent;
    private int _nodes = 1;

    public Destinations(CallbackSettings settings, QueueSettings queue, TimeProvider time)
    {
        (Settings, _queue, Time) = (settings, queue, time);
        Attempts = new SharedSlots(settings.MaxInFlight);
        Retries = new SharedSlots(settings.MaxConcurrentRetries);
        _sweep = time.CreateTimer(_ => Sweep(), state: null, SweepEvery, SweepEvery);
    }

    public CallbackSettings Settings { get; }

    public TimeProvider Time { get; }

    /// <summary>Attempts that this process may have in flight to one destination.</summary>
    public int MaxInFlightPerDestination => Math.Max(1, Settings.MaxInFlightPerDestination / _nodes);

    public Lock Gate { get; } = new();

    public SharedSlots Attempts { get; }

    public SharedSlots Retries { get; }

    /// <summary>How many are remembered at present.</summary>
    public int Count
    {
        get
        {
            lock (Gate)
                return _all.Count;
        }
    }

    /// <summary>Callback attempts under way.</summary>
    public int InFlight
    {
        get
        {
            lock (Gate)
                return Settings.MaxInFlight - Attempts.Free;
        }
    }

    /// <summary>
    /// What destinations that have not lately answered hold of their half of the queue, and how large that is.
    /// </summary>
    public (int Pending, double Max) Silent
    {
        get
        {
            lock (Gate)
                return (_pendingOfSilent, _queue.MaxSize / 2.0);
        }
    }

    /// <summary>
    /// From here on this is one of so many processes that share <c>callback.maxInFlightPerDestination</c>.
    /// </summary>
    public void Divide(int nodes)
    {
        lock (Gate)
        {
            _nodes = nodes;
            foreach (var destination in _all.Values)
                destination.Confine();
        }
    }

    /// <summary>Lets a request in, unless its destination holds its share of the queue.</summary>
    /// <remarks>
    /// A dynamic threshold (Choudhury and Hahne 1998): a destination may hold <c>queue.destinationShare</c> times what
    /// is free. Those that have not lately answered share one half of the queue among themselves, because the free
    /// space that n of them leave shrinks with n.
    /// </remarks>
    /// <param name="free">Places of the queue that nobody holds.</param>
    /// <param name="destination">Not null when the request was let in.</param>
    /// <param name="retryAfter">When to come back to a destination that is backlogged: 1 to 60 s.</param>
    public AdmissionVerdict TryAdmit(
        DestinationKey key,
        int free,
        out Destination? destination,
        out TimeSpan retryAfter
    )
    {
        lock (Gate)
        {
            (destination, retryAfter) = (null, TimeSpan.Zero);
            var found = Find(key);
            var room = found.IsAnswering ? free : Math.Min(free, (_queue.MaxSize / 2.0) - _pendingOfSilent);
            if (found.Pending >= _queue.DestinationShare * room)
            {
                Rest(found);
                if (room <= 0)
                    // there is none for any destination of its kind: it is not this one that is backlogged
                    return AdmissionVerdict.QueueFull;
                retryAfter = found.DrainRate.RetryAfter(found.Pending);
                return AdmissionVerdict.DestinationBacklogged;
            }

            found.Pending++;
            found.Users++;
            if (!found.IsAnswering)
                _pendingOfSilent++;
            destination = found;
            return AdmissionVerdict.Entered;
        }
    }

    /// <summary>Lets an admitted request go.</summary>
    public void LeaveAdmitted(Destination destination)
    {
        lock (Gate)
        {
            destination.Pending--;
            if (!destination.IsAnswering)
                _pendingOfSilent--;
            destination.DrainRate.CountOne();
            Leave(destination);
        }
    }

    /// <summary>Lets a request in whatever its destination holds: it was accepted before.</summary>
    public Destination Join(DestinationKey key)
    {
        lock (Gate)
        {
            var destination = Find(key);
            destination.Users++;
            return destination;
        }
    }

    /// <summary>Lets a request go that joined.</summary>
    public void Leave(Destination destination)
    {
        lock (Gate)
        {
            destination.Users--;
            Rest(destination);
        }
    }

    /// <summary>
    /// Takes out everything that waits for <paramref name="taker"/>, and what waits for nobody any more.
    /// </summary>
    public IReadOnlyList<IWaitingDelivery> Withdraw(ISlotTaker taker)
    {
        lock (Gate)
            return [.. _all.Values.SelectMany(destination => destination.Withdraw(taker))];
    }

    /// <summary>
    /// Those that requests are pending for, and those that are paused; the ones with most pending requests first.
    /// </summary>
    public IReadOnlyList<DestinationStatus> Status(int max)
    {
        lock (Gate)
        {
            return
            [
                .. _all
                    .Values.Where(destination => destination.Users > 0 || destination.IsPaused)
                    .OrderByDescending(destination => destination.Users)
                    .Take(max)
                    .Select(destination => destination.Status()),
            ];
        }
    }

    /// <summary>
    /// Lets callbacks to <paramref name="key"/> wait, until <see cref="Resume"/> or the end of the process; they go on
    /// to age.
    /// </summary>
    public void Pause(DestinationKey key)
    {
        lock (Gate)
        {
            var destination = Find(key);
            destination.SetPaused(true);
        }
    }

    /// <returns>False when it was not paused.</returns>
    public bool Resume(DestinationKey key)
    {
        lock (Gate)
        {
            if (!_all.TryGetValue(key, out var destination) || !destination.IsPaused)
                return false;
            destination.SetPaused(false);
            Rest(destination);
            return true;
        }
    }

    /// <summary>Counts its pending requests to the other kind. Under the lock.</summary>
    public void MovePendingBetweenKinds(Destination destination) =>
        _pendingOfSilent += destination.IsAnswering ? -destination.Pending : destination.Pending;

    public void Dispose() => _sweep.Dispose();

    private Destination Find(DestinationKey key)
    {
        if (!_all.TryGetValue(key, out var destination))
            _all.Add(key, destination = new Destination(key, this));
        else if (destination.IdleNode.List is not null)
            _idle.Remove(destination.IdleNode);
        return destination;
    }

    private void Rest(Destination destination)
    {
        if (destination.Users > 0 || destination.IsPaused || destination.IdleNode.List is not null)
            return;
        if (!destination.IsWorthRemembering)
        {
            _all.Remove(destination.Key);
            return;
        }

        destination.IdleSince = Time.GetTimestamp();
        _idle.AddLast(destination.IdleNode);
        if (_idle.Count > IdleMax)
            Evict(_idle.First!.Value);
    }

    private void Evict(Destination destination)
    {
        _idle.Remove(destination.IdleNode);
        _all.Remove(destination.Key);
        destination.Forget();
    }

    private void Sweep()
    {
        lock (Gate)
        {
            var now = Time.GetTimestamp();
            while (
                _idle.First is { } oldest && Time.GetElapsedTime(oldest.Value.IdleSince, now) >= Destination.Remembered
            )
                Evict(oldest.Value);
            foreach (var destination in _all.Values)
                destination.Sweep(now);
            Attempts.Serve();
            Retries.Serve();
        }
    }
}
