using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Pipeline;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Receivers;

/// <summary>The isolation of receivers as a whole: slots, lines, breakers, standings, shares, eviction.</summary>
[Trait("Category", "Unit")]
public sealed class ReceiverRegisterTests : IDisposable
{
    private readonly FakeTimeProvider _time = new(Sample.Now);
    private readonly object _owner = new();
    private readonly List<TestTurn> _turns = []; // not ended
    private readonly List<TestTurn> _handed = []; // started after a wait, in that order
    private readonly List<TestTurn> _released = [];
    private readonly List<(string Host, BreakerState State)> _moves = [];
    private CallbackSettings _settings = SettingsLoader.Defaults.Callback;
    private QueueSettings _queue = SettingsLoader.Defaults.Queue;
    private ReceiverRegister? _register;

    private ReceiverRegister Register =>
        _register ??= new(_settings, _queue, _time, (key, state) => _moves.Add((key.Host.Split('.')[0], state)));

    [Fact]
    public void ProvenReceiver_StartsWith2AttemptsInFlight_TheThirdWaitsForASlot()
    {
        Prove("a");
        var started = Take("a", 3);

        Assert.Equal([true, true, false], started.Select(turn => turn.Holds));
        End(started[0], Failed(CallbackOutcome.NetworkError));
        Assert.Equal([started[2]], _handed);
    }

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
        _settings = _settings with { MaxInFlight = 2 };
        Take("a", 1);
        var uncalled = Take("b", 1)[0];
        Assert.False(uncalled.Holds);

        _time.Advance(TimeSpan.FromMilliseconds(999));
        Assert.Equal((Standing.New, Standing.New), (Status("a").Standing, Status("b").Standing));
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal((Standing.Silent, Standing.Silent), (Status("a").Standing, Status("b").Standing));
    }

    [Fact]
    public void RequestsThatWaitForTheirDecision_DoNotMakeAReceiverSilent()
    {
        Register.Join(Key("a"));

        _time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal(Standing.New, Status("a").Standing);
    }

    [Fact]
    public void ProvenReceiver_FallsSilent_ASecondAfterItsLastAnswer_AndIsProvenByTheNext()
    {
        Prove("a");
        _time.Advance(TimeSpan.FromMinutes(1)); // it gets no request
        Assert.Equal(Standing.Proven, Status("a").Standing);
        var asked = Take("a", 1)[0];

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(Standing.Silent, Status("a").Standing);
        End(asked, Failed());
        Assert.Equal(Standing.Silent, Status("a").Standing);
        End(Take("a", 1)[0], Sample.Answered());

        Assert.Equal(Standing.Proven, Status("a").Standing);
    }

    [Fact]
    public void AnswersWhileAllSlotsAreUsed_EarnOneMoreEach_UpToTheMaximum()
    {
        _settings = _settings with { MaxInFlightPerDestination = 5 };
        Take("a", 100);

        for (var answers = 0; answers < 10; answers++)
            End(Running("a"), Sample.Answered());

        Assert.Equal((5, 5), (Status("a").InFlightMax, Status("a").InFlight));
    }

    [Fact]
    public void OneOfSeveralProcesses_GrantsItsShareOfAReceiversSlots()
    {
        _settings = _settings with { MaxInFlightPerDestination = 12 };
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
    public void OpenBreaker_LetsOneProbeGoEach5Seconds_WhichUsesUpNoAttempt_UntilOneIsAnswered()
    {
        OpenBreaker("a");
        var waiting = Take("a", 3);
        Assert.Equal((BreakerState.Open, 3, 0), (Status("a").Breaker, Status("a").Waiting, Status("a").InFlight));
        Assert.Equal(_time.GetUtcNow() + TimeSpan.FromSeconds(5), Status("a").ProbeAt);

        _time.Advance(TimeSpan.FromSeconds(5) - TimeSpan.FromMilliseconds(1));
        Assert.Empty(_handed);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal([waiting[0]], _handed);

        Assert.True(End(waiting[0], Failed()));
        Assert.Equal((BreakerState.Open, 2), (Status("a").Breaker, Status("a").Waiting));
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.False(End(waiting[1], Sample.Answered()));

        Assert.Equal((BreakerState.Closed, 2, 1), (Status("a").Breaker, Status("a").InFlightMax, Status("a").InFlight));
        Assert.Equal([("a", BreakerState.Open), ("a", BreakerState.Closed)], _moves);
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
            _time.Advance(TimeSpan.FromMilliseconds(400));
        }

        Assert.Equal(areReceiversFault.Count - 1, areReceiversFault.IndexOf(true)); // the one that opened it
        Assert.True(End(Running("a"), Failed()));
    }

    [Fact]
    public void RecoveredReceiver_GetsItsBacklogWithoutAStampede()
    {
        OpenBreaker("a");
        Take("a", 1_000);
        _time.Advance(TimeSpan.FromSeconds(5));

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
        _time.Advance(TimeSpan.FromSeconds(5));

        End(waiting[0], attempt: null);

        Assert.Equal(waiting, _handed);
    }

    [Fact]
    public void Probes_TakeTurnsBetweenFirstAttemptsAndRetries()
    {
        OpenBreaker("a");
        Take("a", 3, isRetry: true);
        Take("a", 3);

        for (var i = 0; i < 4; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(5));
            End(Running("a"), Failed());
        }

        Assert.Equal([true, false, true, false], _handed.Select(turn => turn.IsRetry));
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
            _time.Advance(TimeSpan.FromMilliseconds(100));
        }

        Register.Join(Key("a"));
        Assert.Equal((BreakerState.Closed, 0), (Status("a").Breaker, Status("a").FailuresInARow));
    }

    [Fact]
    public void DisabledBreaker_NeverOpens()
    {
        _settings = _settings with { DestinationBreaker = _settings.DestinationBreaker with { Enabled = false } };
        FailFor("a", TimeSpan.FromSeconds(30));

        Assert.Equal(BreakerState.Closed, Status("a").Breaker);
        Assert.False(End(Take("a", 1)[0], Failed()));
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
            End(_handed[i], Sample.Answered(204));

        Assert.Equal([retries[0], first[0], retries[1], first[1]], _handed.Take(4));
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
        Assert.InRange(_handed.IndexOf(retry), 0, 1);
    }

    [Fact]
    public void ThousandHangingReceivers_LeaveHalfOfTheSlotsToThoseThatAnswer()
    {
        _settings = _settings with { MaxInFlight = 200 };
        Prove("healthy");
        for (var i = 0; i < 1_000; i++)
            Take($"hanging-{i}", 2);
        for (var i = 0; i < 100; i++)
            _time.Advance(TimeSpan.FromMilliseconds(100));

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
        _settings = _settings with { MaxInFlight = slots };
        for (var i = 0; i < hanging; i++)
            Take($"hanging-{i}", 4);
        var waits = new List<TimeSpan>();

        // For as long as the hanging ones hold what they have: 10 s.
        for (var i = 0; i < 50; i++)
        {
            var came = _time.GetUtcNow();
            var turn = Take($"healthy-{i}", 1)[0];
            while (!turn.Holds)
                _time.Advance(TimeSpan.FromMilliseconds(10));
            waits.Add(_time.GetUtcNow() - came);
            End(turn, Sample.Answered());
            _time.Advance(TimeSpan.FromMilliseconds(190));
        }

        Assert.All(waits, wait => Assert.InRange(wait, TimeSpan.Zero, TimeSpan.FromMilliseconds(100)));
        Assert.InRange(waits.Count(wait => wait > TimeSpan.Zero), 0, 6); // only while the burst is young
    }

    [Fact]
    public void ReceiverThatAnswersAgain_WaitsNoMoreAmongTheSilentOnes()
    {
        _settings = _settings with { MaxConcurrentRetries = 4 };
        for (var i = 0; i < 3; i++)
            TakeRetry("hanging");
        Assert.False(TakeRetry("healthy")); // not known to answer: the places of the others are taken
        Assert.Equal((2, 0), (Status("hanging").Retrying, Status("healthy").Retrying));

        End(Take("healthy", 1)[0], Sample.Answered());

        Assert.Equal((2, 1), (Status("hanging").Retrying, Status("healthy").Retrying));
    }

    [Fact]
    public void FreeSlots_GoRoundTheReceiversThatWait()
    {
        _settings = _settings with
        {
            MaxInFlight = 2,
            DestinationBreaker = _settings.DestinationBreaker with { Enabled = false },
        };
        string[] hosts = ["a", "b", "c", "d"];
        foreach (var host in hosts)
            Prove(host);
        var running = Take("d", 2);
        var waiting = hosts[..3].ToDictionary(host => host, host => Take(host, 3));

        End(running[0], Sample.Answered());
        for (var i = 0; i < 5; i++)
            End(_handed[i], Sample.Answered());

        Assert.Equal(["a", "b", "c", "a", "b", "c"], _handed.Select(turn => turn.Host));
    }

    [Fact]
    public void PausedReceiver_Waits_AndGoesOnWhenResumed()
    {
        var pausedAt = _time.GetUtcNow();
        Register.Pause(Key("a"));
        _time.Advance(TimeSpan.FromSeconds(1));
        Register.Pause(Key("a"));
        var waiting = Take("a", 1);
        Assert.Equal((pausedAt, 1), (Status("a").PausedSince, Status("a").Waiting));

        Assert.True(Register.Resume(Key("a")));

        Assert.Equal(waiting, _handed);
        Assert.False(Register.Resume(Key("a")));
        Assert.False(Register.Resume(Key("b")));
    }

    [Fact]
    public void RequestThatExpiresInItsLine_IsReleasedWithoutASlot_AtItsDeadline()
    {
        Register.Pause(Key("a"));
        var old = Take("a", 1, age: TimeSpan.FromSeconds(10))[0];
        var young = Take("a", 1, age: TimeSpan.FromSeconds(60))[0];

        _time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal([old], _released);
        Assert.Empty(_handed);
        Assert.Equal(1, Status("a").Waiting);
        _time.Advance(TimeSpan.FromSeconds(50));
        Assert.Equal([old, young], _released);
    }

    [Fact]
    public void DeadlineInAYear_IsSleptFor_WithoutAnError()
    {
        using var register = new ReceiverRegister(_settings, _queue, TimeProvider.System);
        register.Pause(Key("a"));
        var receiver = register.Join(Key("a"));
        var deadline = TimeProvider.System.GetTimestamp() + (365L * 86_400 * TimeProvider.System.TimestampFrequency);
        var turn = new TestTurn("a", receiver, _owner, deadline, isRetry: false, attempt: 1, _handed, _released);

        Assert.False(register.TakeAttemptOrWait(receiver, turn));

        Assert.Equal(1, register.Status(1)[0].Waiting);
    }

    [Fact]
    public void DeadlineInManyHours_IsKept_ThoughTheTimerSleepsAnHourAtMost()
    {
        Register.Pause(Key("a"));
        var turn = Take("a", 1, age: TimeSpan.FromHours(100))[0];

        _time.Advance(TimeSpan.FromHours(100) - TimeSpan.FromMilliseconds(1));
        Assert.Empty(_released);
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal([turn], _released);
    }

    [Fact]
    public void Release_EndsTheWaitsOfOneOwner_AndDropsThoseThatAreGone()
    {
        Register.Pause(Key("a"));
        var mine = Take("a", 2);
        var other = Take("a", 1, isRetry: true, owner: new object())[0];
        var gone = Take("a", 1, owner: new object())[0];
        gone.IsGone = true;

        Register.Release(_owner);

        Assert.Equal(mine, _released);
        Assert.Equal(1, Status("a").Waiting);
        Register.Resume(Key("a"));
        Assert.Equal([other], _handed);
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
        Assert.Equal(waiting, _released);
        waiting.AddRange(Take("away", 1));
        Assert.Equal(waiting, _released);
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

        Assert.Equal([alive], _handed);
        Assert.Equal((2, 0), (Status("a").InFlight, Status("a").Waiting));
    }

    [Fact]
    public void RetryLane_GoesRoundTheReceiversToo_AndKeepsHalfForThoseThatAnswer()
    {
        _settings = _settings with { MaxConcurrentRetries = 4 };
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
        _settings = _settings with { MaxConcurrentRetries = 100 };
        string[] failing = ["a", "b"];
        foreach (var host in (string[])[.. failing, "healthy"])
            Prove(host);
        foreach (var host in failing)
        {
            for (var i = 0; i < 200; i++)
                TakeRetry(host);
        }

        Assert.Equal([80, 16], failing.Select(host => Status(host).Retrying));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(TakeRetry("healthy"));
    }

    [Fact]
    public void RetriesBeyondAReceiversShareOfTheLane_TakeThePlacesThatItsOwnLeave()
    {
        _settings = _settings with { MaxConcurrentRetries = 100 };
        Prove("a");
        for (var i = 0; i < 200; i++)
            TakeRetry("a");

        for (var ended = 0; ended < 180; ended++)
        {
            Assert.Equal(Math.Min(80, 200 - ended), Status("a").Retrying);
            Register.EndRetry(Register.Join(Key("a")));
        }
    }

    [Theory]
    [InlineData(true, 80)]
    [InlineData(false, 40)]
    public void OneReceiverAlone_HoldsFourFifths_OfTheQueueOrOfTheHalfForThoseThatHaveNotAnswered(
        bool hasAnswered,
        int expected
    )
    {
        _queue = _queue with { MaxSize = 100 };
        if (hasAnswered)
            Prove("a");

        Assert.Equal(expected, AdmitUntilRefused("a", held: 0));
        Assert.Equal(AdmissionVerdict.DestinationBacklogged, Admit("a", free: 100 - expected));
        Assert.Equal(AdmissionVerdict.Entered, Admit("b", free: 100 - expected));
    }

    [Fact]
    public void SilentReceivers_LeaveHalfOfTheQueueToThoseThatAnswer_AndAPartOfTheOtherToNewOnes()
    {
        _queue = _queue with { MaxSize = 1_000 };
        Prove("healthy");
        var held = 0;
        for (var second = 0; second < 20; second++)
        {
            for (var i = 0; i < 2_000; i++)
                held += Admit($"hanging-{i % 400}", 1_000 - held) == AdmissionVerdict.Entered ? 1 : 0;
            for (var i = 0; i < 400; i++)
                Take($"hanging-{i}", 1);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.InRange(held, 375, 438);
        Assert.Equal(AdmissionVerdict.QueueFull, Admit("hanging-0", 1_000 - held));
        Assert.Equal(AdmissionVerdict.Entered, Admit("new", 1_000 - held));
        Assert.Equal((1_000 - held) * 4 / 5, AdmitUntilRefused("healthy", held), tolerance: 1);
    }

    [Fact]
    public void ReceiverThatProvesItself_FreesTheHalfOfTheOthers()
    {
        _queue = _queue with { MaxSize = 100 };
        AdmitUntilRefused("a", held: 0);
        Assert.Equal(AdmissionVerdict.Entered, Admit("b", free: 60));

        Prove("a");

        Assert.Equal(39, AdmitUntilRefused("b", held: 41)); // 40 of its half with the one that it had
    }

    [Fact]
    public void IdleReceivers_AreForgottenAfterAMinute_AndNewOnesStartAnew()
    {
        for (var i = 0; i < 1_000; i++)
        {
            var turn = Take($"d-{i}", 1)[0];
            End(turn, i % 2 == 0 ? Sample.Answered() : Failed());
            Register.Leave(turn.Receiver);
        }

        Assert.Equal(1_000, Register.Count);
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(1_000, Register.Count);
        _time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(0, Register.Count);
        Assert.Equal(0, Register.Counts.All);
        Take("d-0", 1);
        Assert.Equal(Standing.New, Status("d-0").Standing);
    }

    [Fact]
    public void ReceiverWithAnAttemptInFlight_IsNotForgotten_UntilItEnds()
    {
        var turn = Take("a", 1)[0];
        Register.Leave(turn.Receiver); // its lane went to another node

        Assert.Equal(1, Register.Count);
        End(turn, attempt: null);

        Assert.Equal(0, Register.Count);
        Assert.Equal(0, Register.InFlight);
    }

    [Fact]
    public void MillionReceiversOverTime_LeaveNoMemoryBehind()
    {
        Visit(0, 20_000);
        var before = GC.GetTotalMemory(forceFullCollection: true);

        Visit(20_000, 1_000_000);

        Assert.InRange(Register.Count, 0, 10_000);
        // a leak would be hundreds; other tests run in parallel
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 64_000_000);

        void Visit(int from, int to)
        {
            for (var i = from; i < to; i++)
            {
                Register.TryAdmit(new("https", $"host-{i}.example.com", 443), free: 10_000, out var receiver, out _);
                if (i % 2 == 0)
                {
                    var turn = new TestTurn("", receiver!, _owner, long.MaxValue, isRetry: false, attempt: 1, [], []);
                    Register.TakeAttemptOrWait(receiver!, turn);
                    Register.EndAttempt(receiver!, turn, Sample.Answered());
                }

                Register.LeaveAdmitted(receiver!);
            }
        }
    }

    [Fact]
    public void PausedReceiver_IsNotForgotten()
    {
        Register.Pause(Key("a"));

        _time.Advance(TimeSpan.FromMinutes(10));

        Assert.True(Status("a").IsPaused);
        Register.Resume(Key("a"));
        Assert.Equal(0, Register.Count);
    }

    [Fact]
    public void Status_NamesTheBusiestFirst_AndTheLastAttempt()
    {
        Take("a", 1);
        Take("b", 3);
        Take("c", 2);
        End(Running("b"), Failed(CallbackOutcome.HttpError, 503));

        var status = Register.Status(max: 2);

        Assert.Equal(["b.example.com", "c.example.com"], status.Select(receiver => receiver.Key.Host));
        Assert.Equal((503, (int?)null), (status[0].LastAttempt!.HttpStatus, status[1].LastAttempt?.HttpStatus));
    }

    [Fact]
    public void Counts_SayHowManyReceiversOfEachStandingThereAre()
    {
        OpenBreaker("a");
        Prove("b");
        Prove("c");
        Take("d", 1);

        Assert.Equal(new ReceiverCounts(New: 1, Proven: 2, Silent: 1, BreakersOpen: 1), Register.Counts);
        Assert.Equal(4, Register.Counts.All);
    }

    [Fact]
    public void AdmittedRequestThatLeaves_GivesItsPlacesBack()
    {
        Assert.Equal(AdmissionVerdict.Entered, Register.TryAdmit(Key("a"), 100, out var receiver, out _));
        Assert.Equal(1, Register.Unproven.Pending);

        Register.LeaveAdmitted(receiver!);

        Assert.Equal(0, Register.Unproven.Pending);
        Assert.Empty(Register.Status(int.MaxValue));
    }

    [Fact]
    public void AdmittedRequestsThatLeave_MakeRoomForOthersOfTheirReceiver_AndShortenItsWait()
    {
        Prove("a");
        var admitted = Fill(out var retryAfter);
        Assert.Equal(TimeSpan.FromSeconds(60), retryAfter);
        _time.Advance(TimeSpan.FromSeconds(1));
        var left = admitted.Count / 2;

        admitted.Take(left).ToList().ForEach(Register.LeaveAdmitted);

        Assert.Equal(left, Fill(out retryAfter).Count);
        Assert.InRange(retryAfter, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(59));

        List<Receiver> Fill(out TimeSpan retryAfter)
        {
            var entered = new List<Receiver>();
            while (Register.TryAdmit(Key("a"), 100, out var receiver, out retryAfter) == AdmissionVerdict.Entered)
                entered.Add(receiver!);
            return entered;
        }
    }

    [Fact]
    public void AttemptThatWasNotMade_SaysNothing_AndIsNotSilence()
    {
        Prove("a");

        Assert.False(End(Take("a", 1)[0], attempt: null));
        Assert.False(End(Take("a", 1)[0], Failed(CallbackOutcome.Blocked)));
        Assert.False(End(Take("a", 1)[0], attempt: null));
        _time.Advance(TimeSpan.FromSeconds(2));
        Take("b", 1); // reviews what is due

        Assert.Equal((Standing.Proven, 0), (Status("a").Standing, Status("a").FailuresInARow));
    }

    [Fact]
    public void AttemptThatWasNotMade_BesideOneThatIs_LeavesItsSilence()
    {
        Prove("a");
        var both = Take("a", 2);

        End(both[0], attempt: null);
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(Standing.Silent, Status("a").Standing);
    }

    [Fact]
    public void OneOfTwoAttemptsIsAnswered_TheSilenceOfTheOtherBeginsThen()
    {
        Prove("a");
        var both = Take("a", 2);
        _time.Advance(TimeSpan.FromMilliseconds(500));

        End(both[0], Sample.Answered());
        _time.Advance(TimeSpan.FromMilliseconds(999));
        Assert.Equal(Standing.Proven, Status("a").Standing);
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(Standing.Silent, Status("a").Standing);
    }

    [Fact]
    public void NewReceiver_IsSilentSinceItsFirstRequest_NotItsLast()
    {
        Take("a", 1);
        _time.Advance(TimeSpan.FromMilliseconds(600));
        Take("a", 1);

        _time.Advance(TimeSpan.FromMilliseconds(400));

        Assert.Equal(Standing.Silent, Status("a").Standing);
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

    public void Dispose() => _register?.Dispose();

    private static DestinationKey Key(string host) => new("http", $"{host}.example.com", 80);

    private static CallbackAttempt Failed(CallbackOutcome outcome = CallbackOutcome.Timeout, int? status = null) =>
        new(Sample.Now, TimeSpan.Zero, status, outcome);

    // A request does not expire unless a test says otherwise.
    private List<TestTurn> Take(
        string host,
        int count,
        bool isRetry = false,
        TimeSpan? age = null,
        object? owner = null,
        int attempt = 1
    ) =>
        [
            .. Enumerable
                .Range(0, count)
                .Select(_ =>
                {
                    var deadline = _time.GetTimestamp() + (age ?? TimeSpan.FromDays(1)).Ticks;
                    var receiver = Register.Join(Key(host));
                    var turn = new TestTurn(
                        host,
                        receiver,
                        owner ?? _owner,
                        deadline,
                        isRetry,
                        attempt,
                        _handed,
                        _released
                    );
                    turn.Holds = Register.TakeAttemptOrWait(receiver, turn);
                    _turns.Add(turn);
                    return turn;
                }),
        ];

    private bool TakeRetry(string host)
    {
        var receiver = Register.Join(Key(host));
        var turn = new TestTurn(host, receiver, _owner, long.MaxValue, isRetry: true, attempt: 2, [], []);
        return Register.TakeRetryPlaceOrWait(receiver, turn);
    }

    private bool End(TestTurn ended, CallbackAttempt? attempt)
    {
        _turns.Remove(ended);
        ended.Holds = false;
        return Register.EndAttempt(ended.Receiver, ended, attempt);
    }

    private TestTurn Running(string host) => _turns.First(turn => turn.Host == host && turn.Holds);

    private void Prove(string host) => End(Take(host, 1)[0], Sample.Answered());

    private void EarnSlots(string host, int slots)
    {
        Take(host, 100);
        while (Status(host).InFlightMax < slots)
            End(Running(host), Sample.Answered());
    }

    private void OpenBreaker(string host)
    {
        FailFor(host, TimeSpan.FromSeconds(4));
        Assert.Equal(BreakerState.Open, Status(host).Breaker);
    }

    /// <summary>Different requests fail, each for the third time, as long as the breaker lets them.</summary>
    private void FailFor(string host, TimeSpan duration)
    {
        for (var i = 0; i < 20 && Take(host, 1, attempt: 3)[0] is { Holds: true } turn; i++)
        {
            End(turn, Failed());
            if (Status(host).Breaker == BreakerState.Open)
                return;
            _time.Advance(duration / 20);
        }
    }

    private ReceiverStatus Status(string host) =>
        Register.Status(int.MaxValue).Single(status => status.Key == Key(host));

    private AdmissionVerdict Admit(string host, int free) => Register.TryAdmit(Key(host), free, out _, out _);

    private int AdmitUntilRefused(string host, int held)
    {
        var admitted = 0;
        while (Admit(host, _queue.MaxSize - held - admitted) == AdmissionVerdict.Entered)
            admitted++;
        return admitted;
    }
}
