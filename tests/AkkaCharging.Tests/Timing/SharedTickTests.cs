using AkkaCharging.Tests.Pipeline;
using AkkaCharging.Timing;

namespace AkkaCharging.Tests.Timing;

[Trait("Category", "Unit")]
public sealed class SharedTickTests
{
    private readonly SteppingTime _time = new();

    /// <summary>Each timer that comes due costs an idle process eight wake-ups.</summary>
    [Fact]
    public void Subscribers_ShareOneTimer()
    {
        var (first, second) = (0, 0);
        using var one = SharedTick.Subscribe(_time, () => first++);
        using var other = SharedTick.Subscribe(_time, () => second++);

        _time.Advance(SharedTick.Period);
        _time.Advance(SharedTick.Period);

        Assert.Equal((2, 2), (first, second));
        Assert.Equal((1, 2), (_time.Timers, _time.Fired));
    }

    [Fact]
    public void DisposedSubscription_IsNotCalledAnyMore_AndTheOthersAre()
    {
        var (first, second) = (0, 0);
        var one = SharedTick.Subscribe(_time, () => first++);
        using var other = SharedTick.Subscribe(_time, () => second++);
        _time.Advance(SharedTick.Period);

        one.Dispose();
        one.Dispose();
        _time.Advance(SharedTick.Period);

        Assert.Equal((1, 2), (first, second));
    }

    [Fact]
    public void LastSubscription_EndsTheTimer_AndTheNextOneStartsAnother()
    {
        SharedTick.Subscribe(_time, () => { }).Dispose();
        Assert.Equal((1, 1), (_time.Timers, _time.Disposed));

        var count = 0;
        using var next = SharedTick.Subscribe(_time, () => count++);
        _time.Advance(SharedTick.Period);
        Assert.Equal((2, 1), (_time.Timers, count));
    }

    /// <summary>A subscriber that ends itself, or another one, changes the list while it is gone through.</summary>
    [Fact]
    public void SubscriptionDisposedDuringATick_DisturbsNoOther()
    {
        var count = 0;
        IDisposable? first = null;
        first = SharedTick.Subscribe(_time, () => first!.Dispose());
        using var other = SharedTick.Subscribe(_time, () => count++);

        _time.Advance(SharedTick.Period * 2);

        Assert.Equal(2, count);
    }

    [Fact]
    public void ClocksOfTheirOwn_HaveTicksOfTheirOwn()
    {
        var count = 0;
        using var mine = SharedTick.Subscribe(_time, () => count++);
        var other = new SteppingTime();
        using var theirs = SharedTick.Subscribe(other, () => count += 100);

        _time.Advance(SharedTick.Period);

        Assert.Equal(1, count);
    }
}
