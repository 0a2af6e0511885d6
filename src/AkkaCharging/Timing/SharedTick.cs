using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace AkkaCharging.Timing;

/// <summary>One timer for everything that a process does once a second.</summary>
/// <remarks>
/// A timer that comes due wakes the runtime's timer thread and threads of its pool, some eight times in all. With a
/// timer for each watched file and for the journal, an idle process woke 50 times a second.
/// </remarks>
internal sealed class SharedTick
{
    /// <summary>Time between two ticks.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private static readonly ConditionalWeakTable<TimeProvider, SharedTick> ByClock = [];

    private readonly Lock _gate = new();
    private ImmutableArray<Subscription> _subscriptions = [];
    private ITimer? _timer;

    /// <summary>Calls <paramref name="onTick"/> once a second, on a thread of the pool.</summary>
    /// <param name="onTick">Must neither throw nor block, because other subscribers wait for it.</param>
    /// <returns>Ends the calls when disposed; one that has begun is not waited for.</returns>
    public static IDisposable Subscribe(TimeProvider time, Action onTick) =>
        ByClock.GetOrAdd(time, static _ => new()).Add(time, onTick);

    private Subscription Add(TimeProvider time, Action onTick)
    {
        var subscription = new Subscription(this, onTick);
        lock (_gate)
        {
            _subscriptions = _subscriptions.Add(subscription);
            _timer ??= time.CreateTimer(_ => Tick(), state: null, Period, Period);
        }

        return subscription;
    }

    private void Tick()
    {
        ImmutableArray<Subscription> subscriptions;
        lock (_gate)
            subscriptions = _subscriptions;
        foreach (var subscription in subscriptions)
            subscription.OnTick();
    }

    private void Remove(Subscription subscription)
    {
        lock (_gate)
        {
            _subscriptions = _subscriptions.Remove(subscription);
            if (!_subscriptions.IsEmpty)
                return;
            _timer?.Dispose();
            _timer = null;
        }
    }

    private sealed class Subscription(SharedTick tick, Action onTick) : IDisposable
    {
        public Action OnTick => onTick;

        public void Dispose() => tick.Remove(this);
    }
}
