using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests;

/// <summary>
/// A clock whose timers may come due too early, as real ones do: they count whole milliseconds, and clocks differ.
/// </summary>
internal sealed class EarlyTime(DateTimeOffset now) : FakeTimeProvider(now)
{
    /// <summary>By how much timers are early, unless they would then come due at once.</summary>
    public TimeSpan EarlyBy { get; set; }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        base.CreateTimer(callback, state, dueTime > EarlyBy ? dueTime - EarlyBy : dueTime, period);
}
