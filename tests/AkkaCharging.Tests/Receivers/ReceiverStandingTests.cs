using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Receivers;

/// <summary>Whether a receiver is new, proven or silent.</summary>
[Trait("Category", "Unit")]
public sealed class ReceiverStandingTests : ReceiverRegisterTest
{
    [Fact]
    public void NewReceiver_HasItsFirstCallAtOnce_AndProvesItself()
    {
        var first = Take("a", 1)[0];
        Assert.Equal((true, Standing.New), (first.Holds, Status("a").Standing));

        End(first, Sample.Answered());

        Assert.Equal(Standing.Proven, Status("a").Standing);
    }

    [Fact]
    public void NewReceiver_CountsAsSilent_WhenItHasNotAnsweredForASecond_CalledOrNot()
    {
        Settings = Settings with { MaxInFlight = 2 };
        Take("a", 1);
        var uncalled = Take("b", 1)[0];
        Assert.False(uncalled.Holds);

        Time.Advance(TimeSpan.FromMilliseconds(999));
        Assert.Equal((Standing.New, Standing.New), (Status("a").Standing, Status("b").Standing));
        Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal((Standing.Silent, Standing.Silent), (Status("a").Standing, Status("b").Standing));
    }

    [Fact]
    public void RequestsThatWaitForTheirDecision_DoNotMakeAReceiverSilent()
    {
        Register.Join(Key("a"));

        Time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal(Standing.New, Status("a").Standing);
    }

    [Fact]
    public void ProvenReceiver_FallsSilent_ASecondAfterItsLastAnswer_AndIsProvenByTheNext()
    {
        Prove("a");
        Time.Advance(TimeSpan.FromMinutes(1)); // it gets no request
        Assert.Equal(Standing.Proven, Status("a").Standing);
        var asked = Take("a", 1)[0];

        Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(Standing.Silent, Status("a").Standing);
        End(asked, Failed());
        Assert.Equal(Standing.Silent, Status("a").Standing);
        End(Take("a", 1)[0], Sample.Answered());

        Assert.Equal(Standing.Proven, Status("a").Standing);
    }

    [Fact]
    public void ReceiverThatAnswersAgain_WaitsNoMoreAmongTheSilentOnes()
    {
        Settings = Settings with { MaxConcurrentRetries = 4 };
        for (var i = 0; i < 3; i++)
            TakeRetry("hanging");
        Assert.False(TakeRetry("healthy")); // not known to answer: the places of the others are taken
        Assert.Equal((2, 0), (Status("hanging").Retrying, Status("healthy").Retrying));

        End(Take("healthy", 1)[0], Sample.Answered());

        Assert.Equal((2, 1), (Status("hanging").Retrying, Status("healthy").Retrying));
    }

    [Fact]
    public void AttemptThatWasNotMade_SaysNothing_AndIsNotSilence()
    {
        Prove("a");

        Assert.False(End(Take("a", 1)[0], attempt: null));
        Assert.False(End(Take("a", 1)[0], Failed(CallbackOutcome.Blocked)));
        Assert.False(End(Take("a", 1)[0], attempt: null));
        Time.Advance(TimeSpan.FromSeconds(2));
        Take("b", 1); // reviews what is due

        Assert.Equal((Standing.Proven, 0), (Status("a").Standing, Status("a").FailuresInARow));
    }

    [Fact]
    public void NewReceiverWhoseFirstAttemptWasNotMade_StaysNew()
    {
        Register.Join(Key("a"));

        End(Take("a", 1)[0], attempt: null);
        Time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(Standing.New, Status("a").Standing);
    }

    [Fact]
    public void NewReceiverWhoseFirstAttemptWasNotMade_CountsAsSilent_WhenAnotherRequestHasWaitedForASecond()
    {
        Settings = Settings with { MaxInFlightPerDestination = 1 };
        var first = Take("a", 1)[0];
        Assert.False(Take("a", 1)[0].Holds);
        Time.Advance(TimeSpan.FromMilliseconds(600));

        End(first, attempt: null);
        Time.Advance(TimeSpan.FromMilliseconds(400));

        Assert.Equal(Standing.Silent, Status("a").Standing);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(1_500)] // it is silent meanwhile
    public void NewReceiverWhoseRequestsExpireInItsLine_IsNewAfterwards(int ageMillis)
    {
        Settings = Settings with { MaxInFlight = 2 };
        Take("a", 1); // the only slot for receivers that are not proven
        var uncalled = Take("b", 2, age: TimeSpan.FromMilliseconds(ageMillis));

        Time.Advance(TimeSpan.FromMilliseconds(ageMillis));
        Assert.Equal(uncalled, Released);
        Time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal((Standing.Silent, Standing.New), (Status("a").Standing, Status("b").Standing));
    }

    [Fact]
    public void NewReceiverOfWhoseRequestsOneExpires_CountsAsSilent_WhileAnotherWaits()
    {
        Settings = Settings with { MaxInFlight = 2 };
        Take("a", 1);
        var expired = Take("b", 1, age: TimeSpan.FromMilliseconds(500));
        Take("b", 1);

        Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(expired, Released);
        Assert.Equal(Standing.Silent, Status("b").Standing);
    }

    [Fact]
    public void NewReceiverThatWasCalled_StaysSilent_WhenItsOtherRequestsExpireInItsLine()
    {
        Settings = Settings with { MaxInFlightPerDestination = 1 };
        var called = Take("a", 1)[0];
        var waiting = Take("a", 1, age: TimeSpan.FromMilliseconds(500));

        Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(waiting, Released);
        Assert.Equal((true, Standing.Silent), (called.Holds, Status("a").Standing));
    }

    [Theory]
    [InlineData(CallbackOutcome.Blocked, AttemptCause.AddressRefused)]
    [InlineData(CallbackOutcome.NetworkError, AttemptCause.NameNotFound)]
    public void NameThatLeadsNowhere_IsNotSilence(object outcome, object cause)
    {
        Prove("a");

        End(Take("a", 1)[0], Failed((CallbackOutcome)outcome) with { Cause = (AttemptCause)cause });
        Time.Advance(TimeSpan.FromSeconds(2));
        Take("b", 1); // reviews what is due

        Assert.Equal(Standing.Proven, Status("a").Standing);
    }

    [Fact]
    public void AttemptThatWasNotMade_BesideOneThatIs_LeavesItsSilence()
    {
        Prove("a");
        var both = Take("a", 2);

        End(both[0], attempt: null);
        Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(Standing.Silent, Status("a").Standing);
    }

    [Fact]
    public void OneOfTwoAttemptsIsAnswered_TheSilenceOfTheOtherBeginsThen()
    {
        Prove("a");
        var both = Take("a", 2);
        Time.Advance(TimeSpan.FromMilliseconds(500));

        End(both[0], Sample.Answered());
        Time.Advance(TimeSpan.FromMilliseconds(999));
        Assert.Equal(Standing.Proven, Status("a").Standing);
        Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(Standing.Silent, Status("a").Standing);
    }

    [Fact]
    public void NewReceiver_IsSilentSinceItsFirstRequest_NotItsLast()
    {
        Take("a", 1);
        Time.Advance(TimeSpan.FromMilliseconds(600));
        Take("a", 1);

        Time.Advance(TimeSpan.FromMilliseconds(400));

        Assert.Equal(Standing.Silent, Status("a").Standing);
    }
}
