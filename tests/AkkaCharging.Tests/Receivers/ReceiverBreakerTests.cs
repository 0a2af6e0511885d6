using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Receivers;

/// <summary>What opens the breaker of a receiver, and what does not.</summary>
[Trait("Category", "Unit")]
public sealed class ReceiverBreakerTests
{
    private readonly FakeTimeProvider _time = new();
    private CallbackSettings _settings = SettingsLoader.Defaults.Callback;
    private ReceiverBreaker? _breaker;

    private ReceiverBreaker Breaker => _breaker ??= new(_settings, _time);

    [Fact]
    public void TenFailuresOfDifferentRequests_OverTheFirstTwoWaits_WithAThirdAttempt_OpenIt()
    {
        Fail(9, attempt: 3);
        _time.Advance(TimeSpan.FromSeconds(3)); // 1 s and 2 s
        Assert.Equal(BreakerState.Closed, Breaker.State);

        Fail(1, attempt: 1);

        Assert.Equal(BreakerState.Open, Breaker.State);
        Assert.Equal(_time.GetTimestamp() + TimeSpan.FromSeconds(5).Ticks, Breaker.ProbeAt);
    }

    [Fact]
    public void FailuresOfFirstAndSecondAttemptsAlone_DoNot_HoweverMany()
    {
        for (var second = 0; second < 600; second++)
        {
            Fail(100, attempt: 1 + (second % 2));
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(BreakerState.Closed, Breaker.State);
    }

    [Fact]
    public void FailuresWithinAMoment_DoNot_HoweverMany()
    {
        Fail(10_000, attempt: 3);
        _time.Advance(TimeSpan.FromSeconds(3) - TimeSpan.FromTicks(1));
        Fail(10_000, attempt: 3);

        Assert.Equal(BreakerState.Closed, Breaker.State);
    }

    [Fact]
    public void FailuresOfFewRequests_DoNot_HoweverOftenTheyFail()
    {
        var requests = Enumerable.Range(0, 4).Select(_ => new object()).ToList();
        for (var attempt = 1; attempt <= 100; attempt++)
        {
            requests.ForEach(request => FailOne(request, attempt));
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal((BreakerState.Closed, 400), (Breaker.State, Breaker.FailuresInARow));
    }

    /// <summary>Each request lives for two attempts; the wait before its third would be two seconds.</summary>
    [Fact]
    public void RequestsThatExpireBeforeTheirThirdAttempt_OpenIt_Together()
    {
        for (var second = 0; second < 5; second++)
        {
            Assert.Equal(BreakerState.Closed, Breaker.State);
            var request = new object();
            FailOne(request, attempt: 1, left: TimeSpan.FromSeconds(2));
            _time.Advance(TimeSpan.FromSeconds(1));
            FailOne(request, attempt: 2, left: TimeSpan.FromSeconds(1));
        }

        Assert.Equal((BreakerState.Open, 10), (Breaker.State, Breaker.FailuresInARow));
    }

    [Fact]
    public void FewerThanHalfOfTheRequests_DoNotOpenIt_ThoughTheyExpire()
    {
        Fail(100, attempt: 1);
        _time.Advance(TimeSpan.FromSeconds(3));
        Fail(4, attempt: 1, left: TimeSpan.FromSeconds(1));
        Fail(100, attempt: 1);
        Assert.Equal(BreakerState.Closed, Breaker.State);

        Fail(1, attempt: 1, left: TimeSpan.FromSeconds(1));

        Assert.Equal(BreakerState.Open, Breaker.State);
    }

    [Theory]
    [InlineData(1, 1_000, true)]
    [InlineData(1, 1_001, false)]
    [InlineData(2, 2_000, true)]
    [InlineData(2, 2_001, false)]
    public void AttemptIsTheLast_IfTheRequestExpiresBeforeTheNext(int attempt, int leftMillis, bool isLast)
    {
        Fail(10, attempt: 1);
        _time.Advance(TimeSpan.FromSeconds(3));

        Fail(5, attempt, TimeSpan.FromMilliseconds(leftMillis));

        Assert.Equal(isLast ? BreakerState.Open : BreakerState.Closed, Breaker.State);
    }

    [Fact]
    public void RequestsThatExpiredBeforeAnAnswer_DoNotSpeakForTheFailuresAfterIt()
    {
        Fail(9, attempt: 1, left: TimeSpan.Zero);
        Breaker.OnAnswer();

        Fail(10, attempt: 1);
        _time.Advance(TimeSpan.FromSeconds(3));
        Fail(4, attempt: 1, left: TimeSpan.Zero);

        Assert.Equal(BreakerState.Closed, Breaker.State);
    }

    [Fact]
    public void FailingSince_IsTheFirstFailureSinceTheLastAnswer()
    {
        Assert.Null(Breaker.FailingSince);
        Fail(1, attempt: 1);
        var first = _time.GetTimestamp();
        _time.Advance(TimeSpan.FromSeconds(1));
        Fail(1, attempt: 2);
        Assert.Equal(first, Breaker.FailingSince);

        Breaker.OnAnswer();

        Assert.Null(Breaker.FailingSince);
    }

    [Fact]
    public void ThirdAttemptsBeforeAnAnswer_DoNotSpeakForTheFailuresAfterIt()
    {
        Fail(9, attempt: 3);
        Breaker.OnAnswer();

        Fail(20, attempt: 1);
        _time.Advance(TimeSpan.FromSeconds(3));
        Fail(20, attempt: 2);

        Assert.Equal(BreakerState.Closed, Breaker.State);
    }

    [Fact]
    public void RequestsThatFailedBeforeAnAnswer_AreNotCountedWithThoseAfterIt()
    {
        Fail(9, attempt: 3);
        Breaker.OnAnswer();

        var request = new object();
        for (var attempt = 1; attempt <= 20; attempt++)
        {
            FailOne(request, attempt);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(BreakerState.Closed, Breaker.State);
    }

    [Fact]
    public void OneAnswer_StartsTheCountAnew()
    {
        Fail(9, attempt: 3);
        _time.Advance(TimeSpan.FromSeconds(3));
        Breaker.OnAnswer();

        Fail(100, attempt: 3);
        Assert.Equal((BreakerState.Closed, 100), (Breaker.State, Breaker.FailuresInARow));
        _time.Advance(TimeSpan.FromSeconds(3));
        Fail(1, attempt: 1);

        Assert.Equal(BreakerState.Open, Breaker.State);
    }

    [Theory]
    [InlineData(0, 1, 0)] // each failure would settle its request
    [InlineData(1, 1, 0)]
    [InlineData(2, 2, 1)]
    [InlineData(3, 3, 3)]
    [InlineData(10, 3, 3)]
    public void ItOpens_BeforeARequestHasUsedItsLastAttempt(int maxRetries, int decisiveAttempt, int seconds)
    {
        _settings = _settings with { MaxRetries = maxRetries };
        Fail(9, attempt: 1);
        _time.Advance(TimeSpan.FromSeconds(seconds));

        Fail(1, decisiveAttempt);

        Assert.Equal(BreakerState.Open, Breaker.State);
    }

    [Fact]
    public void ProbeThatFails_OpensItAgain_AndOneThatIsAnswered_ClosesIt()
    {
        Open();
        Assert.False(Breaker.TryHalfOpen(_time.GetTimestamp()));

        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.True(Breaker.TryHalfOpen(_time.GetTimestamp()));
        FailOne(new object(), attempt: 1, isProbe: true);
        Assert.Equal((BreakerState.Open, 12), (Breaker.State, Breaker.FailuresInARow));

        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.True(Breaker.TryHalfOpen(_time.GetTimestamp()));
        Breaker.OnAnswer();
        Assert.Equal((BreakerState.Closed, 0, null), (Breaker.State, Breaker.FailuresInARow, Breaker.ProbeAt));
    }

    [Fact]
    public void FailureThatWasInFlightWhenItOpened_DoesNotPutOffTheProbe()
    {
        Open();
        var probeAt = Breaker.ProbeAt;
        _time.Advance(TimeSpan.FromSeconds(2));

        Fail(5, attempt: 3);

        Assert.Equal(probeAt, Breaker.ProbeAt);
    }

    private void Open()
    {
        Fail(10, attempt: 3);
        _time.Advance(TimeSpan.FromSeconds(3));
        Fail(1, attempt: 3);
    }

    private void Fail(int times, int attempt, TimeSpan? left = null)
    {
        for (var i = 0; i < times; i++)
            FailOne(new object(), attempt, left);
    }

    /// <param name="left">How long the request lives after the failure; null for ever.</param>
    private void FailOne(object request, int attempt, TimeSpan? left = null, bool isProbe = false)
    {
        var now = _time.GetTimestamp();
        var deadline = left is { } life ? now + life.Ticks : long.MaxValue;
        Breaker.OnFailure(request, attempt, deadline, isProbe, now);
    }
}
