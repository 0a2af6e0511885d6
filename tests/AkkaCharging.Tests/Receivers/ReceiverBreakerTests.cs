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
            requests.ForEach(request => Breaker.OnFailure(request, attempt, isProbe: false, _time.GetTimestamp()));
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal((BreakerState.Closed, 400), (Breaker.State, Breaker.FailuresInARow));
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
            Breaker.OnFailure(request, attempt, isProbe: false, _time.GetTimestamp());
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
        Breaker.OnFailure(new object(), attempt: 1, isProbe: true, _time.GetTimestamp());
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

    private void Fail(int times, int attempt)
    {
        for (var i = 0; i < times; i++)
            Breaker.OnFailure(new object(), attempt, isProbe: false, _time.GetTimestamp());
    }
}
