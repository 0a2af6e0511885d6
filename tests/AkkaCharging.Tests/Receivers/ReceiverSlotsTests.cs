using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Receivers;

/// <summary>Slots of receivers: who has how many, who waits, and who is next.</summary>
[Trait("Category", "Unit")]
public sealed class ReceiverSlotsTests : ReceiverRegisterTest
{
    [Fact]
    public void ProvenReceiver_StartsWith2AttemptsInFlight_TheThirdWaitsForASlot()
    {
        Prove("a");
        var started = Take("a", 3);

        Assert.Equal([true, true, false], started.Select(turn => turn.Holds));
        End(started[0], Failed(CallbackOutcome.NetworkError));
        Assert.Equal([started[2]], Handed);
    }

    [Fact]
    public void AnswersWhileAllSlotsAreUsed_EarnOneMoreEach_UpToTheMaximum()
    {
        Settings = Settings with { MaxInFlightPerDestination = 5 };
        Take("a", 100);

        for (var answers = 0; answers < 10; answers++)
            End(Running("a"), Sample.Answered());

        Assert.Equal((5, 5), (Status("a").InFlightMax, Status("a").InFlight));
    }

    [Fact]
    public void OneOfSeveralProcesses_GrantsItsShareOfAReceiversSlots()
    {
        Settings = Settings with { MaxInFlightPerDestination = 12 };
        EarnSlots("a", 8);
        Take("a", 100);

        Register.Divide(3);
        Assert.Equal(4, Status("a").InFlightMax);
        for (var answers = 0; answers < 10; answers++)
            End(Running("a"), Sample.Answered());
        Assert.Equal((4, 4), (Status("a").InFlightMax, Status("a").InFlight));

        Register.Divide(100);
        Assert.Equal(1, Status("a").InFlightMax);
        Register.Divide(1);
        for (var answers = 0; answers < 10; answers++)
            End(Running("a"), Sample.Answered());
        Assert.InRange(Status("a").InFlightMax, 8, 12);
    }

    [Theory]
    [InlineData(CallbackOutcome.Timeout, null)]
    [InlineData(CallbackOutcome.NetworkError, null)]
    [InlineData(CallbackOutcome.HttpError, 503)]
    [InlineData(CallbackOutcome.HttpError, 429)]
    public void Failure_HalvesTheSlots_ToNotLessThan2(object outcome, int? status)
    {
        EarnSlots("a", 8);

        End(Running("a"), Failed((CallbackOutcome)outcome, status));
        Assert.Equal(4, Status("a").InFlightMax);
        for (var i = 0; i < 4; i++)
            End(Running("a"), Failed((CallbackOutcome)outcome, status));

        Assert.Equal(2, Status("a").InFlightMax);
    }

    [Fact]
    public void RequestsThatAreAnswered500_LeaveTheOthersTheirSlots()
    {
        EarnSlots("a", 8);

        for (var i = 0; i < 20; i++)
            End(Running("a"), i % 2 == 0 ? Failed(CallbackOutcome.HttpError, 500) : Sample.Answered());

        Assert.InRange(Status("a").InFlightMax, 8, 64);
    }

    [Fact]
    public void FirstAttemptsAndRetries_TakeTurns_SoThatNeitherIsStarved()
    {
        Prove("a");
        var running = Take("a", 2);
        var retries = Take("a", 3, isRetry: true);
        var first = Take("a", 3);

        End(running[0], Sample.Answered(204));
        for (var i = 0; i < 4; i++)
            End(Handed[i], Sample.Answered(204));

        Assert.Equal([retries[0], first[0], retries[1], first[1]], Handed.Take(4));
    }

    [Fact]
    public void RetriesThatAreDue_HaveTheirTurn_UnderAnOverloadThatLasts()
    {
        Prove("a");
        Take("a", 2);
        var retry = Take("a", 1, isRetry: true, age: TimeSpan.FromSeconds(60))[0];

        // More first attempts come than the receiver answers.
        for (var i = 0; i < 10 && !retry.Holds; i++)
        {
            Take("a", 10);
            End(Running("a"), Sample.Answered());
        }

        Assert.True(retry.Holds);
        Assert.InRange(Handed.IndexOf(retry), 0, 1);
    }

    [Fact]
    public void ThousandHangingReceivers_LeaveHalfOfTheSlotsToThoseThatAnswer()
    {
        Settings = Settings with { MaxInFlight = 200 };
        Prove("healthy");
        for (var i = 0; i < 1_000; i++)
            Take($"hanging-{i}", 2);
        for (var i = 0; i < 100; i++)
            Time.Advance(TimeSpan.FromMilliseconds(100));

        Assert.All(Take("healthy", 2), turn => Assert.True(turn.Holds));
        Assert.InRange(
            Register.Status(2_000).Where(status => status.Standing != Standing.Proven).Sum(status => status.InFlight),
            75,
            100
        );
    }

    [Theory]
    [InlineData(256, 150)]
    [InlineData(4096, 1_000)]
    [InlineData(4096, 10_000)]
    public void FirstCallOfANewReceiver_NeverWaitsBehindSilentOnes(int slots, int hanging)
    {
        Settings = Settings with { MaxInFlight = slots };
        for (var i = 0; i < hanging; i++)
            Take($"hanging-{i}", 4);
        var waits = new List<TimeSpan>();

        // For as long as the hanging ones hold what they have: 10 s.
        for (var i = 0; i < 50; i++)
        {
            var came = Time.GetUtcNow();
            var turn = Take($"healthy-{i}", 1)[0];
            while (!turn.Holds)
                Time.Advance(TimeSpan.FromMilliseconds(10));
            waits.Add(Time.GetUtcNow() - came);
            End(turn, Sample.Answered());
            Time.Advance(TimeSpan.FromMilliseconds(190));
        }

        Assert.All(waits, wait => Assert.InRange(wait, TimeSpan.Zero, TimeSpan.FromMilliseconds(100)));
        Assert.InRange(waits.Count(wait => wait > TimeSpan.Zero), 0, 6); // only while the burst is young
    }

    [Fact]
    public void FreeSlots_GoRoundTheReceiversThatWait()
    {
        Settings = Settings with
        {
            MaxInFlight = 2,
            DestinationBreaker = Settings.DestinationBreaker with { Enabled = false },
        };
        string[] hosts = ["a", "b", "c", "d"];
        foreach (var host in hosts)
            Prove(host);
        var running = Take("d", 2);
        var waiting = hosts[..3].ToDictionary(host => host, host => Take(host, 3));

        End(running[0], Sample.Answered());
        for (var i = 0; i < 5; i++)
            End(Handed[i], Sample.Answered());

        Assert.Equal(["a", "b", "c", "a", "b", "c"], Handed.Select(turn => turn.Host));
    }

    [Fact]
    public void PausedReceiver_Waits_AndGoesOnWhenResumed()
    {
        var pausedAt = Time.GetUtcNow();
        Register.Pause(Key("a"));
        Time.Advance(TimeSpan.FromSeconds(1));
        Register.Pause(Key("a"));
        var waiting = Take("a", 1);
        Assert.Equal((pausedAt, 1), (Status("a").PausedSince, Status("a").Waiting));

        Assert.True(Register.Resume(Key("a")));

        Assert.Equal(waiting, Handed);
        Assert.False(Register.Resume(Key("a")));
        Assert.False(Register.Resume(Key("b")));
    }

    [Fact]
    public void RequestThatExpiresInItsLine_IsReleasedWithoutASlot_AtItsDeadline()
    {
        Register.Pause(Key("a"));
        var old = Take("a", 1, age: TimeSpan.FromSeconds(10))[0];
        var young = Take("a", 1, age: TimeSpan.FromSeconds(60))[0];

        Time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal([old], Released);
        Assert.Empty(Handed);
        Assert.Equal(1, Status("a").Waiting);
        Time.Advance(TimeSpan.FromSeconds(50));
        Assert.Equal([old, young], Released);
    }

    /// <summary>Each release looks through the whole line, under the lock of all receivers.</summary>
    [Fact]
    public void RequestsThatExpireOneByOne_AreReleasedEvery100Milliseconds_AndNoLaterThanThat()
    {
        const int Count = 10_000;
        var time = new SteppingTime();
        using var register = new ReceiverRegister(Settings, Queue, time);
        register.Pause(Key("a"));
        var receiver = register.Join(Key("a"));
        for (var i = 1; i <= Count; i++)
        {
            var deadline = time.GetTimestamp() + TimeSpan.FromMilliseconds(i).Ticks;
            var turn = new TestTurn("a", receiver, Owner, deadline, isRetry: false, attempt: 1, Handed, Released);
            Assert.False(register.TakeAttemptOrWait(receiver, turn));
        }

        for (var millis = 1; millis <= Count + 100; millis++)
        {
            time.Advance(TimeSpan.FromMilliseconds(1));
            Assert.InRange(Released.Count, millis - 100, millis);
        }

        Assert.Equal(Count, Released.Count);
        Assert.InRange(time.Fired, Count / 100, (Count / 100) + 10);
    }

    [Fact]
    public void DeadlineInAYear_IsSleptFor_WithoutAnError()
    {
        using var register = new ReceiverRegister(Settings, Queue, TimeProvider.System);
        register.Pause(Key("a"));
        var receiver = register.Join(Key("a"));
        var deadline = TimeProvider.System.GetTimestamp() + (365L * 86_400 * TimeProvider.System.TimestampFrequency);
        var turn = new TestTurn("a", receiver, Owner, deadline, isRetry: false, attempt: 1, Handed, Released);

        Assert.False(register.TakeAttemptOrWait(receiver, turn));

        Assert.Equal(1, register.Status(1)[0].Waiting);
    }

    [Fact]
    public void DeadlineInManyHours_IsKept_ThoughTheTimerSleepsAnHourAtMost()
    {
        Register.Pause(Key("a"));
        var turn = Take("a", 1, age: TimeSpan.FromHours(100))[0];

        Time.Advance(TimeSpan.FromHours(100) - TimeSpan.FromMilliseconds(1));
        Assert.Empty(Released);
        Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal([turn], Released);
    }

    [Fact]
    public void Release_EndsTheWaitsOfOneOwner_AndDropsThoseThatAreGone()
    {
        Register.Pause(Key("a"));
        var mine = Take("a", 2);
        var other = Take("a", 1, isRetry: true, owner: new object())[0];
        var gone = Take("a", 1, owner: new object())[0];
        gone.IsGone = true;

        Register.Release(Owner);

        Assert.Equal(mine, Released);
        Assert.Equal(1, Status("a").Waiting);
        Register.Resume(Key("a"));
        Assert.Equal([other], Handed);
    }

    [Fact]
    public void Drain_ReleasesWhatWaitsForAShutReceiver_NowAndLater_AndNothingElse()
    {
        Prove("healthy");
        Take("healthy", 2);
        var served = Take("healthy", 1)[0];
        OpenBreaker("away");
        var waiting = Take("away", 2);
        Register.Pause(Key("paused"));
        waiting.AddRange(Take("paused", 1));

        Register.Drain();
        Assert.Equal(waiting, Released);
        waiting.AddRange(Take("away", 1));
        Assert.Equal(waiting, Released);
        End(Running("healthy"), Sample.Answered());

        Assert.True(served.Holds);
    }

    [Fact]
    public void SlotOfATurnThatIsGone_GoesToTheNext()
    {
        Prove("a");
        var running = Take("a", 2);
        Take("a", 1)[0].IsGone = true;
        var alive = Take("a", 1)[0];

        End(running[0], Failed());

        Assert.Equal([alive], Handed);
        Assert.Equal((2, 0), (Status("a").InFlight, Status("a").Waiting));
    }

    private void EarnSlots(string host, int slots)
    {
        Take(host, 100);
        while (Status(host).InFlightMax < slots)
            End(Running(host), Sample.Answered());
    }
}
