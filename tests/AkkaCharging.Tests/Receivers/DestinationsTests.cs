using AkkaCharging.Pipeline;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Pipeline;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Receivers;

/// <summary>The isolation of destinations, by hand: slots, lines, breakers, shares, eviction.</summary>
[Trait("Category", "Unit")]
public sealed class DestinationsTests : IDisposable
{
    private readonly FakeTimeProvider _time = new(Sample.Now);
    private readonly Taker _taker = new();
    private readonly List<Attempt> _attempts = []; // not ended
    private CallbackSettings _settings = SettingsLoader.Defaults.Callback;
    private QueueSettings _queue = SettingsLoader.Defaults.Queue;
    private Destinations? _destinations;

    private Destinations Destinations => _destinations ??= new(_settings, _queue, _time);

    [Fact]
    public void Destination_StartsWith2AttemptsInFlight_TheThirdWaitsForASlot()
    {
        var started = Take("a", 3);

        Assert.Equal([true, true, false], started.Select(attempt => attempt.AtOnce));
        End(started[0], Failed(CallbackOutcome.NetworkError));
        Assert.Equal([started[2].Pending], _taker.Taken);
    }

    [Fact]
    public void AnswersWhileAllSlotsAreUsed_EarnOneMoreEach_UpToTheMaximum()
    {
        _settings = _settings with { MaxInFlightPerDestination = 5 };
        Take("a", 100);

        for (var answers = 0; answers < 10; answers++)
            End(Running("a"), Answered());

        Assert.Equal((5, 5), (Status("a").InFlightMax, Status("a").InFlight));
    }

    [Fact]
    public void OneOfSeveralProcesses_GrantsItsShareOfADestinationsSlots()
    {
        _settings = _settings with { MaxInFlightPerDestination = 12 };
        EarnSlots("a", 8);
        Take("a", 100);

        Destinations.Divide(3);
        Assert.Equal(4, Status("a").InFlightMax);
        for (var answers = 0; answers < 10; answers++)
            End(Running("a"), Answered());
        Assert.Equal((4, 4), (Status("a").InFlightMax, Status("a").InFlight));

        Destinations.Divide(100);
        Assert.Equal(1, Status("a").InFlightMax);
        Destinations.Divide(1);
        for (var answers = 0; answers < 10; answers++)
            End(Running("a"), Answered());
        Assert.InRange(Status("a").InFlightMax, 8, 12);
    }

    [Fact]
    public void AnswersWhileSlotsAreFree_EarnNothing()
    {
        for (var i = 0; i < 10; i++)
            End(Take("a", 1)[0], Answered());

        Take("a", 1);
        Assert.Equal(2, Status("a").InFlightMax);
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
    public void TenFailuresInARow_OpenTheBreaker_AndOneProbeGoesEach5Seconds_UntilItAnswers()
    {
        FailInARow("a", 9);
        Assert.Equal(BreakerState.Closed, Status("a").Breaker);
        End(Take("a", 1)[0], Failed());
        var waiting = Take("a", 3);
        Assert.Equal((BreakerState.Open, 3, 0), (Status("a").Breaker, Status("a").Waiting, Status("a").InFlight));

        _time.Advance(TimeSpan.FromSeconds(5) - TimeSpan.FromMilliseconds(1));
        Assert.Empty(_taker.Taken);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal([waiting[0].Pending], _taker.Taken);

        End(waiting[0], Failed());
        Assert.Equal((BreakerState.Open, 2), (Status("a").Breaker, Status("a").Waiting));
        _time.Advance(TimeSpan.FromSeconds(5));
        End(waiting[1], Answered());

        Assert.Equal((BreakerState.Closed, 2, 1), (Status("a").Breaker, Status("a").InFlightMax, Status("a").InFlight));
    }

    [Fact]
    public void RecoveredDestination_GetsItsBacklogWithoutAStampede()
    {
        FailInARow("a", 10);
        Take("a", 1_000);
        _time.Advance(TimeSpan.FromSeconds(5));

        // Each answer lets at most two more go: as fast as the receiver answers, and no faster.
        var inFlight = new List<int>();
        while (Status("a").Waiting > 0)
        {
            inFlight.Add(Status("a").InFlight);
            End(Running("a"), Answered());
        }

        Assert.Equal([1, 2, 3, 4, 5], inFlight.Take(5));
        Assert.Equal(64, inFlight.Max());
    }

    [Fact]
    public void ProbeThatWasNotMade_LeavesItsPlaceToTheNext()
    {
        FailInARow("a", 10);
        var waiting = Take("a", 2);
        _time.Advance(TimeSpan.FromSeconds(5));

        End(waiting[0], attempt: null);

        Assert.Equal([waiting[0].Pending, waiting[1].Pending], _taker.Taken);
        Assert.Equal(BreakerState.HalfOpen, Status("a").Breaker);
    }

    [Fact]
    public void AnswersBetweenFailures_KeepTheBreakerClosed()
    {
        for (var i = 0; i < 5; i++)
        {
            FailInARow("a", 9);
            End(Take("a", 1)[0], Answered(404));
        }

        Take("a", 1);
        Assert.Equal(BreakerState.Closed, Status("a").Breaker);
    }

    [Fact]
    public void RefusedAddress_CountsNeitherWay()
    {
        for (var i = 0; i < 20; i++)
            End(Take("a", 1)[0], Failed(CallbackOutcome.Blocked));

        Take("a", 1);
        Assert.Equal(
            (BreakerState.Closed, false, 2),
            (Status("a").Breaker, Status("a").IsAnswering, Status("a").InFlightMax)
        );
    }

    /// <summary>Else the breaker would tell a caller by his requests that wait which of the two it is.</summary>
    [Theory]
    [InlineData(AttemptCause.AddressRefused, CallbackOutcome.Blocked, BreakerState.Closed)]
    [InlineData(AttemptCause.NameNotFound, CallbackOutcome.NetworkError, BreakerState.Closed)]
    [InlineData(AttemptCause.NameTimeout, CallbackOutcome.NetworkError, BreakerState.Open)]
    public void NameWithoutAnAddress_IsNoFailureOfTheReceiver_AndASilentNameServerIsWaitedFor(
        object cause,
        object outcome,
        object breaker
    )
    {
        for (var i = 0; i < 10; i++)
            End(Take("a", 1)[0], Failed((CallbackOutcome)outcome) with { Cause = (AttemptCause)cause });

        Take("a", 1);
        Assert.Equal((BreakerState)breaker, Status("a").Breaker);
    }

    [Fact]
    public void DisabledBreaker_NeverOpens()
    {
        _settings = _settings with { DestinationBreaker = _settings.DestinationBreaker with { Enabled = false } };

        FailInARow("a", 100);

        Take("a", 1);
        Assert.Equal((BreakerState.Closed, 1), (Status("a").Breaker, Status("a").InFlight));
    }

    [Fact]
    public void FirstAttempts_GoBeforeRetries()
    {
        var running = Take("a", 2);
        var retry = Take("a", 1, isRetry: true)[0];
        var first = Take("a", 1)[0];

        End(running[0], Answered(204));

        Assert.Equal([first.Pending, retry.Pending], _taker.Taken);
    }

    [Fact]
    public void ThousandHangingDestinations_LeaveHalfOfTheSlotsToThoseThatAnswer()
    {
        _settings = _settings with { MaxInFlight = 200 };
        End(Take("healthy", 1)[0], Answered());
        for (var i = 0; i < 1_000; i++)
            Take($"hanging-{i}", 2);

        var healthy = Take("healthy", 2);

        Assert.All(healthy, attempt => Assert.True(attempt.AtOnce));
        Assert.Equal(
            100,
            Destinations.Status(2_000).Where(status => !status.IsAnswering).Sum(status => status.InFlight)
        );
    }

    [Fact]
    public void DestinationsThatFallSilent_CountAmongTheSilentOnes_After2Seconds()
    {
        _settings = _settings with { MaxInFlight = 20 };
        End(Take("healthy", 1)[0], Answered());
        for (var i = 0; i < 10; i++)
        {
            End(Take($"d-{i}", 1)[0], Answered());
            Take($"d-{i}", 2);
        }

        Assert.All(Destinations.Status(11), status => Assert.True(status.IsAnswering));
        _time.Advance(TimeSpan.FromSeconds(4));

        Assert.Equal(
            ["healthy.example.com"],
            Destinations.Status(11).Where(status => status.IsAnswering).Select(status => status.Key.Host)
        );

        // All slots are theirs. What one of them gives back goes to the healthy destination, not to their own lines.
        Take("d-0", 5);
        var healthy = Take("healthy", 1)[0];
        End(Running("d-0"), Failed());
        Assert.Equal([healthy.Pending], _taker.Taken);
    }

    [Fact]
    public void DestinationThatAnswersAgain_WaitsNoMoreAmongTheSilentOnes()
    {
        _settings = _settings with { MaxConcurrentRetries = 4 };
        for (var i = 0; i < 3; i++)
            TakeRetry("hanging");
        Assert.False(TakeRetry("healthy")); // not known to answer: the places of the silent ones are taken
        Assert.Equal((2, 0), (Status("hanging").Retrying, Status("healthy").Retrying));

        End(Take("healthy", 1)[0], Answered());

        Assert.Equal((2, 1), (Status("hanging").Retrying, Status("healthy").Retrying));
    }

    [Fact]
    public void FreeSlots_GoRoundTheDestinationsThatWait()
    {
        _settings = _settings with
        {
            MaxInFlight = 2,
            DestinationBreaker = _settings.DestinationBreaker with { Enabled = false },
        };
        var running = Take("a", 1)[0];
        var a = Take("a", 3);
        var b = Take("b", 3);
        var c = Take("c", 3);

        foreach (var attempt in new[] { running, a[0], b[0], c[0], a[1], b[1] })
            End(attempt, Failed());

        Assert.Equal(
            [a[0], b[0], c[0], a[1], b[1], c[1]],
            _taker.Taken.Select(taken => a.Concat(b).Concat(c).Single(attempt => attempt.Pending == taken))
        );
    }

    [Fact]
    public void PausedDestination_Waits_AndGoesOnWhenResumed()
    {
        Destinations.Pause(Key("a"));
        var waiting = Take("a", 2);
        Assert.Equal((true, 2), (Status("a").IsPaused, Status("a").Waiting));

        Assert.True(Destinations.Resume(Key("a")));

        Assert.Equal(waiting.Select(attempt => attempt.Pending), _taker.Taken);
        Assert.False(Destinations.Resume(Key("a")));
        Assert.False(Destinations.Resume(Key("b")));
    }

    [Fact]
    public void RequestThatExpiresInItsLine_IsLetGoWithoutASlot()
    {
        Destinations.Pause(Key("a"));
        var old = Take("a", 1, age: TimeSpan.FromSeconds(10))[0];
        var young = Take("a", 1, age: TimeSpan.FromSeconds(60))[0];

        _time.Advance(TimeSpan.FromSeconds(11));

        Assert.Equal([old.Pending], _taker.WithoutSlot);
        Assert.Empty(_taker.Taken);
        Assert.Equal(1, Status("a").Waiting);
        _time.Advance(TimeSpan.FromSeconds(50));
        Assert.Equal([old.Pending, young.Pending], _taker.WithoutSlot);
    }

    [Fact]
    public void Withdraw_TakesOutWhatWaitsForOneTaker_AndForThoseThatAreGone()
    {
        Destinations.Pause(Key("a"));
        var mine = Take("a", 2);
        var (other, gone) = (new Taker(), new Taker { IsGone = true });
        foreach (var taker in new[] { other, gone })
        {
            var pending = Sample.Pending(Url("a"), destinations: Destinations);
            pending.Destination.TakeAttemptOrWait(pending, taker, isRetry: true);
        }

        Assert.Equal(mine.Select(attempt => attempt.Pending), Destinations.Withdraw(_taker).Cast<PendingRequest>());
        Assert.Equal(1, Status("a").Waiting);
        Destinations.Resume(Key("a"));
        Assert.Single(other.Taken);
        Assert.Empty(gone.Taken);
    }

    [Fact]
    public void SlotOfATakerThatIsGone_GoesToTheNext()
    {
        var running = Take("a", 2);
        _taker.IsGone = true;
        Take("a", 1);
        var alive = new Taker();
        var pending = Sample.Pending(Url("a"), destinations: Destinations);
        pending.Destination.TakeAttemptOrWait(pending, alive, isRetry: false);

        End(running[0], Failed());

        Assert.Equal([pending], alive.Taken);
        Assert.Equal((2, 0), (Status("a").InFlight, Status("a").Waiting));
    }

    [Fact]
    public void RetryLane_GoesRoundTheDestinationsToo_AndKeepsHalfForThoseThatAnswer()
    {
        _settings = _settings with { MaxConcurrentRetries = 4 };
        End(Take("healthy", 1)[0], Answered());
        for (var i = 0; i < 10; i++)
            TakeRetry("failing");
        Assert.Equal(2, Status("failing").Retrying);

        Assert.True(TakeRetry("healthy"));
        Assert.True(TakeRetry("healthy"));
        Assert.False(TakeRetry("healthy"));
        TakeRetry("healthy");

        Destinations.Join(Key("failing")).EndRetry();
        Assert.Equal((1, 3), (Status("failing").Retrying, Status("healthy").Retrying));
        Destinations.Join(Key("healthy")).EndRetry();
        Assert.Equal((2, 2), (Status("failing").Retrying, Status("healthy").Retrying));
    }

    [Theory]
    [InlineData(true, 80)]
    [InlineData(false, 40)]
    public void OneDestinationAlone_HoldsFourFifths_OfTheQueueOrOfTheHalfForThoseThatHaveNotAnswered(
        bool hasAnswered,
        int expected
    )
    {
        _queue = _queue with { MaxSize = 100 };
        if (hasAnswered)
            End(Take("a", 1)[0], Answered());

        Assert.Equal(expected, AdmitUntilRefused("a", held: 0));
        Assert.Equal(AdmissionVerdict.DestinationBacklogged, Admit("a", free: 100 - expected));
        Assert.Equal(AdmissionVerdict.Entered, Admit("b", free: 100 - expected));
    }

    [Fact]
    public void ManySilentDestinations_LeaveHalfOfTheQueueToThoseThatAnswer()
    {
        _queue = _queue with { MaxSize = 1_000 };
        End(Take("healthy", 1)[0], Answered());
        var held = 0;
        for (var i = 0; i < 2_000; i++)
            held += Admit($"hanging-{i % 400}", 1_000 - held) == AdmissionVerdict.Entered ? 1 : 0;

        Assert.Equal(500, held);
        Assert.Equal(AdmissionVerdict.QueueFull, Admit("hanging-new", 1_000 - held));
        Assert.Equal(400, AdmitUntilRefused("healthy", held));
    }

    [Fact]
    public void AnsweringDestination_FreesTheHalfOfTheSilent_AndTheOtherWayRound()
    {
        _queue = _queue with { MaxSize = 100 };
        AdmitUntilRefused("a", held: 0);
        Assert.Equal(AdmissionVerdict.Entered, Admit("b", free: 60));

        End(Take("a", 1)[0], Answered());

        Assert.Equal(39, AdmitUntilRefused("b", held: 41)); // 40 of its half with the one that it had
    }

    [Fact]
    public void IdleDestinations_AreEvicted_WithTheirTimers_AndNewOnesStartAnew()
    {
        for (var i = 0; i < 1_000; i++)
        {
            var attempt = Take($"d-{i}", 1)[0];
            End(attempt, i % 2 == 0 ? Answered() : Failed());
            Destinations.Leave(attempt.Pending.Destination);
        }

        Assert.Equal(1_000, Destinations.Count);
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(1_000, Destinations.Count);
        _time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(0, Destinations.Count);
        Take("d-0", 1);
        Assert.False(Status("d-0").IsAnswering);
    }

    [Fact]
    public void MillionDestinationsOverTime_LeaveNoMemoryBehind()
    {
        var request = Sample.Request();
        Visit(0, 20_000);
        var before = GC.GetTotalMemory(forceFullCollection: true);

        Visit(20_000, 1_000_000);

        Assert.InRange(Destinations.Count, 0, 10_000);
        // a leak would be hundreds; other tests run beside this one
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 64_000_000);

        void Visit(int from, int to)
        {
            for (var i = from; i < to; i++)
            {
                Destinations.TryAdmit(
                    new("https", $"host-{i}.example.com", 443),
                    free: 10_000,
                    out var destination,
                    out _
                );
                if (i % 2 == 0)
                {
                    var pending = Sample.Pending(request, destination!);
                    destination!.TakeAttemptOrWait(pending, _taker, isRetry: false);
                    destination.EndAttempt(pending, Answered());
                }

                Destinations.LeaveAdmitted(destination!);
            }
        }
    }

    [Fact]
    public void PausedDestination_IsNotEvicted()
    {
        Destinations.Pause(Key("a"));

        _time.Advance(TimeSpan.FromMinutes(10));

        Assert.True(Status("a").IsPaused);
        Destinations.Resume(Key("a"));
        Assert.Equal(0, Destinations.Count);
    }

    [Fact]
    public void Status_NamesTheBusiestFirst()
    {
        Take("a", 1);
        Take("b", 3);
        Take("c", 2);

        Assert.Equal(["b.example.com", "c.example.com"], Destinations.Status(max: 2).Select(status => status.Key.Host));
    }

    public void Dispose() => _destinations?.Dispose();

    private static DestinationKey Key(string host) => new("http", $"{host}.example.com", 80);

    private static string Url(string host) => $"http://{host}.example.com/hook";

    private static CallbackAttempt Answered(int status = 200) =>
        new(Sample.Now, TimeSpan.Zero, status, status < 300 ? CallbackOutcome.Success : CallbackOutcome.HttpError);

    private static CallbackAttempt Failed(CallbackOutcome outcome = CallbackOutcome.Timeout, int? status = null) =>
        new(Sample.Now, TimeSpan.Zero, status, outcome);

    // Endless patience with a request unless a test says otherwise.
    private List<Attempt> Take(string host, int count, bool isRetry = false, TimeSpan? age = null) =>
        [
            .. Enumerable
                .Range(0, count)
                .Select(_ =>
                {
                    var pending = Sample.Pending(
                        Url(host),
                        age: age ?? TimeSpan.FromDays(1),
                        destinations: Destinations
                    );
                    var attempt = new Attempt(pending, pending.Destination.TakeAttemptOrWait(pending, _taker, isRetry));
                    _attempts.Add(attempt);
                    return attempt;
                }),
        ];

    private bool TakeRetry(string host)
    {
        var pending = Sample.Pending(Url(host), age: TimeSpan.FromDays(1), destinations: Destinations);
        return pending.Destination.TakeRetryOrWait(pending, _taker);
    }

    private void End(Attempt ended, CallbackAttempt? attempt)
    {
        _attempts.Remove(ended);
        ended.Pending.Destination.EndAttempt(ended.Pending, attempt);
    }

    private Attempt Running(string host) =>
        _attempts.First(attempt =>
            attempt.Pending.Destination.Key == Key(host) && (attempt.AtOnce || _taker.Taken.Contains(attempt.Pending))
        );

    private void EarnSlots(string host, int slots)
    {
        Take(host, 100);
        while (Status(host).InFlightMax < slots)
            End(Running(host), Answered());
    }

    private void FailInARow(string host, int times)
    {
        for (var i = 0; i < times; i++)
            End(Take(host, 1)[0], Failed());
    }

    private DestinationStatus Status(string host) =>
        Destinations.Status(int.MaxValue).Single(status => status.Key == Key(host));

    private AdmissionVerdict Admit(string host, int free) => Destinations.TryAdmit(Key(host), free, out _, out _);

    private int AdmitUntilRefused(string host, int held)
    {
        var admitted = 0;
        while (Admit(host, _queue.MaxSize - held - admitted) == AdmissionVerdict.Entered)
            admitted++;
        return admitted;
    }

    private sealed record Attempt(PendingRequest Pending, bool AtOnce);

    private sealed class Taker : ISlotTaker
    {
        public List<PendingRequest> Taken { get; } = [];

        public List<PendingRequest> WithoutSlot { get; } = [];

        public bool IsGone { get; set; }

        public bool TryTake(IWaitingDelivery pending, bool holdsSlot)
        {
            if (IsGone)
                return false;
            (holdsSlot ? Taken : WithoutSlot).Add((PendingRequest)pending);
            return true;
        }
    }
}
