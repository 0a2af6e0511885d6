using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests;

/// <summary>
/// A clock whose timers may come due too early, as real ones do: they count whole milliseconds, and clocks differ.
/// </summary>
internal sealed class EarlyTime(DateTimeOffset now) : FakeTimeProvider(now)
{
    private int _timers;

    /// <summary>Timers made so far.</summary>
    public int Timers => Volatile.Read(ref _timers);

    /// <summary>By how much timers are early, unless they would then come due at once.</summary>
    public TimeSpan EarlyBy { get; set; }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime > EarlyBy ? dueTime - EarlyBy : dueTime, period);
        Interlocked.Increment(ref _timers);
        return timer;
    }
}
