using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Receivers;

/// <summary>Breakers of receivers, and the probes that they let go.</summary>
[Trait("Category", "Unit")]
public sealed class RegisteredBreakerTests : ReceiverRegisterTest
{
    [Fact]
    public void OpenBreaker_LetsOneProbeGoEach5Seconds_WhichUsesUpNoAttempt_UntilOneIsAnswered()
    {
        OpenBreaker("a");
        var waiting = Take("a", 3);
        Assert.Equal((BreakerState.Open, 3, 0), (Status("a").Breaker, Status("a").Waiting, Status("a").InFlight));
        Assert.Equal(Time.GetUtcNow() + TimeSpan.FromSeconds(5), Status("a").ProbeAt);

        Time.Advance(TimeSpan.FromSeconds(5) - TimeSpan.FromMilliseconds(1));
        Assert.Empty(Handed);
        Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal([waiting[0]], Handed);

        Assert.True(End(waiting[0], Failed()));
        Assert.Equal((BreakerState.Open, 2), (Status("a").Breaker, Status("a").Waiting));
        Time.Advance(TimeSpan.FromSeconds(5));
        Assert.False(End(waiting[1], Sample.Answered()));

        Assert.Equal((BreakerState.Closed, 2, 1), (Status("a").Breaker, Status("a").InFlightMax, Status("a").InFlight));
        Assert.Equal([("a", BreakerState.Open), ("a", BreakerState.Closed)], Moves);
    }

    [Fact]
    public void AttemptsThatFailAfterTheBreakerOpened_UseUpNoneOfTheirRequests()
    {
        Prove("a");
        Take("a", 40, attempt: 3);
        var areReceiversFault = new List<bool>();
        while (Status("a").Breaker == BreakerState.Closed)
        {
            areReceiversFault.Add(End(Running("a"), Failed()));
            Time.Advance(TimeSpan.FromMilliseconds(400));
        }

        Assert.Equal(areReceiversFault.Count - 1, areReceiversFault.IndexOf(true)); // the one that opened it
        Assert.True(End(Running("a"), Failed()));
    }

    [Fact]
    public void RecoveredReceiver_GetsItsBacklogWithoutAStampede()
    {
        OpenBreaker("a");
        Take("a", 1_000);
        Time.Advance(TimeSpan.FromSeconds(5));

        // Each answer lets at most two more go: as fast as the receiver answers, and no faster.
        var inFlight = new List<int>();
        while (Status("a").Waiting > 0)
        {
            inFlight.Add(Status("a").InFlight);
            End(Running("a"), Sample.Answered());
        }

        Assert.Equal([1, 2, 3, 4, 5], inFlight.Take(5));
        Assert.Equal(64, inFlight.Max());
    }

    [Fact]
    public void ProbeThatWasNotMade_LeavesItsPlaceToTheNext()
    {
        OpenBreaker("a");
        var waiting = Take("a", 2);
        Time.Advance(TimeSpan.FromSeconds(5));

        End(waiting[0], attempt: null);

        Assert.Equal(waiting, Handed);
    }

    [Fact]
    public void ProbeThatFails_AfterAnotherAttemptWasAnswered_IsAFailureLikeAnyOther()
    {
        Prove("a");
        var slow = Take("a", 1)[0];
        while (Status("a").Breaker == BreakerState.Closed)
        {
            End(Take("a", 1, attempt: 3)[0], Failed(CallbackOutcome.HttpError, 500));
            Time.Advance(TimeSpan.FromMilliseconds(400));
        }

        var probe = Take("a", 1)[0];
        Time.Advance(TimeSpan.FromSeconds(5));
        Assert.True(probe.Holds);

        End(slow, Sample.Answered());

        Assert.False(End(probe, Failed()));
        Assert.Equal((BreakerState.Closed, 1), (Status("a").Breaker, Status("a").FailuresInARow));
    }

    [Fact]
    public void Probes_TakeTurnsBetweenFirstAttemptsAndRetries()
    {
        OpenBreaker("a");
        Take("a", 3, isRetry: true);
        Take("a", 3);

        for (var i = 0; i < 4; i++)
        {
            Time.Advance(TimeSpan.FromSeconds(5));
            End(Running("a"), Failed());
        }

        Assert.Equal([true, false, true, false], Handed.Select(turn => turn.IsRetry));
    }

    [Theory]
    [InlineData(CallbackOutcome.Blocked, AttemptCause.AddressRefused)]
    [InlineData(CallbackOutcome.NetworkError, AttemptCause.NameNotFound)]
    public void NameThatLeadsNowhere_CountsNeitherWay(object outcome, object cause)
    {
        for (var i = 0; i < 100; i++)
        {
            var attempt = Failed((CallbackOutcome)outcome) with { Cause = (AttemptCause)cause };
            End(Take("a", 1, attempt: 3)[0], attempt);
            Time.Advance(TimeSpan.FromMilliseconds(100));
        }

        Register.Join(Key("a"));
        Assert.Equal((BreakerState.Closed, 0), (Status("a").Breaker, Status("a").FailuresInARow));
    }

    [Fact]
    public void RequestsThatExpireAfterOneAttempt_OpenIt()
    {
        for (var i = 0; i < 10; i++)
        {
            Assert.Empty(Moves);
            End(Take("a", 1, age: TimeSpan.FromMilliseconds(500))[0], Failed());
            Time.Advance(TimeSpan.FromMilliseconds(400));
        }

        Assert.Equal([("a", BreakerState.Open)], Moves);
    }

    [Fact]
    public void DisabledBreaker_NeverOpens()
    {
        Settings = Settings with { DestinationBreaker = Settings.DestinationBreaker with { Enabled = false } };
        FailFor("a", TimeSpan.FromSeconds(30));

        Assert.Equal(BreakerState.Closed, Status("a").Breaker);
        Assert.False(End(Take("a", 1)[0], Failed()));
    }

    [Theory]
    [InlineData(499, 0)]
    [InlineData(500, 1)]
    public void AnswerOfAServerThatFails_IsAFailure(int status, int failures)
    {
        Prove("a");

        End(Take("a", 2)[0], Failed(CallbackOutcome.HttpError, status));

        Assert.Equal(failures, Status("a").FailuresInARow);
    }
}
