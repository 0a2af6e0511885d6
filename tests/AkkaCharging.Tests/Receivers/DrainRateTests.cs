using AkkaCharging.Receivers;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Receivers;

[Trait("Category", "Unit")]
public sealed class DrainRateTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void NothingLeaves_AsksForTheLongestWait() =>
        Assert.Equal(TimeSpan.FromSeconds(60), new DrainRate(_time).RetryAfter(100));

    [Fact]
    public void NothingWaitsOrLeaves_AsksForTheLongestWait() =>
        Assert.Equal(TimeSpan.FromSeconds(60), new DrainRate(_time).RetryAfter(0));

    [Fact]
    public void RateOfOneWindow_EndsTheWindowBefore()
    {
        var rate = new DrainRate(_time);
        rate.CountOne();
        _time.Advance(TimeSpan.FromSeconds(5));
        for (var i = 0; i < 100; i++)
            rate.CountOne();

        _time.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal(TimeSpan.FromSeconds(5), rate.RetryAfter(200)); // 100 left in the last 5 s
    }

    [Fact]
    public void WhatLeftLongerAgoThanTwoWindows_SaysNothing()
    {
        var rate = new DrainRate(_time);
        rate.CountOne();

        _time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(TimeSpan.FromSeconds(60), rate.RetryAfter(1));
    }

    [Theory]
    [InlineData(100, 10, 5)] // half of 100 at 10 a second
    [InlineData(1_000, 10, 50)]
    [InlineData(1_000, 1, 60)]
    [InlineData(10, 1_000, 1)]
    public void Wait_IsHalfOfThoseWaitingAtTheRateAtWhichTheyLeave_From1To60Seconds(
        int pending,
        int perSecond,
        double expectedSeconds
    )
    {
        var rate = new DrainRate(_time);

        Drain(rate, perSecond, seconds: 20);

        Assert.InRange(rate.RetryAfter(pending).TotalSeconds, expectedSeconds * 0.95, expectedSeconds * 1.05);
    }

    [Fact]
    public void QuietHour_DoesNotBlurTheRateOfTheLastSeconds()
    {
        var rate = new DrainRate(_time);
        _time.Advance(TimeSpan.FromHours(1));

        Drain(rate, perSecond: 10, seconds: 1);

        Assert.InRange(rate.RetryAfter(100).TotalSeconds, 4, 6);
    }

    [Fact]
    public void WhenNothingLeavesAnyMore_AsksForTheLongestWait_AfterTwoWindows()
    {
        var rate = new DrainRate(_time);
        Drain(rate, perSecond: 10, seconds: 20);

        _time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(TimeSpan.FromSeconds(60), rate.RetryAfter(100));
    }

    private void Drain(DrainRate rate, int perSecond, int seconds)
    {
        for (var i = 0; i < perSecond * seconds; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1.0 / perSecond));
            rate.CountOne();
        }
    }
}
