namespace AkkaCharging.Tests.Receivers;

/// <summary>Places of receivers in the retry lane.</summary>
[Trait("Category", "Unit")]
public sealed class RetryLaneTests : ReceiverRegisterTest
{
    [Fact]
    public void RetryLane_GoesRoundTheReceiversToo_AndKeepsHalfForThoseThatAnswer()
    {
        Settings = Settings with { MaxConcurrentRetries = 4 };
        Prove("healthy");
        for (var i = 0; i < 10; i++)
            TakeRetry("failing");
        Assert.Equal(2, Status("failing").Retrying);

        Assert.True(TakeRetry("healthy"));
        Assert.True(TakeRetry("healthy"));
        Assert.False(TakeRetry("healthy"));
        TakeRetry("healthy");

        Register.EndRetry(Register.Join(Key("failing")));
        Assert.Equal((1, 3), (Status("failing").Retrying, Status("healthy").Retrying));
        Register.EndRetry(Register.Join(Key("healthy")));
        Assert.Equal((2, 2), (Status("failing").Retrying, Status("healthy").Retrying));
    }

    /// <summary>A receiver that answered until now fails all at once, and its retries wait until it is back.</summary>
    [Fact]
    public void RetryLane_HasPlacesForTheNext_WhateverReceiversThatWereProvenHold()
    {
        Settings = Settings with { MaxConcurrentRetries = 100 };
        string[] failing = ["a", "b"];
        foreach (var host in (string[])[.. failing, "healthy"])
            Prove(host);
        foreach (var host in failing)
        {
            for (var i = 0; i < 200; i++)
                TakeRetry(host);
        }

        Assert.Equal([80, 16], failing.Select(host => Status(host).Retrying));
        Time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(TakeRetry("healthy"));
    }

    [Fact]
    public void PlacesThatAReceiverLeaves_GoToAnotherThatHadReachedItsShare()
    {
        Settings = Settings with { MaxConcurrentRetries = 100 };
        Prove("a");
        Prove("b");
        for (var i = 0; i < 80; i++)
            Assert.True(TakeRetry("a"));
        for (var i = 0; i < 30; i++)
            TakeRetry("b");
        Assert.Equal((80, 16), (Status("a").Retrying, Status("b").Retrying));

        for (var ended = 1; ended <= 80; ended++)
        {
            Register.EndRetry(Register.Join(Key("a")));
            Assert.Equal(80 - ended, Status("a").Retrying);
        }

        Assert.Equal(30, Status("b").Retrying);
    }

    [Fact]
    public void RetriesBeyondAReceiversShareOfTheLane_TakeThePlacesThatItsOwnLeave()
    {
        Settings = Settings with { MaxConcurrentRetries = 100 };
        Prove("a");
        for (var i = 0; i < 200; i++)
            TakeRetry("a");

        for (var ended = 0; ended < 180; ended++)
        {
            Assert.Equal(Math.Min(80, 200 - ended), Status("a").Retrying);
            Register.EndRetry(Register.Join(Key("a")));
        }
    }
}
