using AkkaCharging.Journal;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Pipeline;

/// <summary>Fake time whose wall clock can step while its monotonic clock continues.</summary>
internal sealed class SteppingTime : FakeTimeProvider, IWitnessedTime
{
    private int _timers;
    private int _armed;
    private int _fired;
    private int _disposed;

    public SteppingTime()
        : base(Sample.Now) { }

    public TimeSpan Step { get; set; }

    /// <summary>How much too early the timer that is set next comes due; the ones after it are on time.</summary>
    public TimeSpan NextIsEarlyBy { get; set; }

    /// <summary>
    /// How much too early each timer comes due that is made with a later due time, as those of real clocks may.
    /// </summary>
    public TimeSpan EarlyBy { get; set; }

    /// <summary>The machine's time since boot, which advances with the monotonic clock; null for none.</summary>
    public string? Boot { get; set; }

    ClockWitness? IWitnessedTime.Witness => Boot is null ? null : new(Boot, GetTimestamp(), IsSteady: true);

    /// <summary>Timers made so far.</summary>
    public int Timers => Volatile.Read(ref _timers);

    /// <summary>How often a timer was set.</summary>
    public int Armed => Volatile.Read(ref _armed);

    /// <summary>How often a timer came due.</summary>
    public int Fired => Volatile.Read(ref _fired);

    /// <summary>Timers disposed.</summary>
    public int Disposed => Volatile.Read(ref _disposed);

    public override long GetTimestamp() => base.GetUtcNow().Ticks;

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Step;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(
            given =>
            {
                Interlocked.Increment(ref _fired);
                callback(given);
            },
            state,
            dueTime > EarlyBy ? dueTime - EarlyBy : dueTime,
            period
        );
        Interlocked.Increment(ref _timers);
        return new CountedTimer(timer, this);
    }

    private sealed class CountedTimer(ITimer timer, SteppingTime owner) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var changed = timer.Change(dueTime - owner.NextIsEarlyBy, period);
            owner.NextIsEarlyBy = TimeSpan.Zero;
            Interlocked.Increment(ref owner._armed);
            return changed;
        }

        public void Dispose()
        {
            timer.Dispose();
            Interlocked.Increment(ref owner._disposed);
        }

        public ValueTask DisposeAsync() => timer.DisposeAsync();
    }
}
