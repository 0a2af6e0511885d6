using System.Collections.Concurrent;
using Akka.Event;
using Akka.Hosting;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Memory;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Pipeline;

/// <summary>
/// Intake, lanes and their owners, with scripted neighbours. Waits of 200 ms and more are cut to a tenth.
/// </summary>
[Trait("Category", "Component")]
public sealed class ChargingServiceTests() : Akka.TestKit.Xunit2.TestKit(ImpatientScheduler.Hocon)
{
    private static readonly TimeSpan Patience = Eventually.Patience;
    private static readonly TimeSpan Grace = TimeSpan.FromHours(5); // 18 s on the scheduler of these tests

    private readonly ScriptedAuthorizer _authorizer = new();
    private StandaloneLanes? _lanes;
    private readonly ScriptedCallbackClient _callbacks = new();
    private readonly RecordingObserver _observer = new();
    private readonly BreakableJournal _journal = new(
        new MemoryJournal(SettingsLoader.Defaults.Journal, TimeProvider.System)
    );

    // requests whose settlement event was replaced by the planted defect
    private readonly ConcurrentBag<RequestId> _lostToTheDefect = [];
    private TimeProvider _time = TimeProvider.System;

    [Fact]
    public async Task AcceptedRequest_IsDecidedCalledBackAndSettled()
    {
        var service = Start();

        var result = await service.Intake.SubmitAsync(Sample.Submission());

        Assert.Equal(IntakeOutcome.Accepted, result.Outcome);
        await SettledAsync(1);
        Assert.Equal(
            (result.Id, RequestState.Delivered),
            _observer.SettledEvents.Select(settled => (settled.Id, settled.Settlement.State)).Single()
        );
        Assert.Equal(RequestState.Delivered, (await _journal.FindAsync(result.Id, default))!.State);
        Assert.Equal(
            new PipelineStatus(LaneState.Running, Restarts: 0, Pending: 0, BreakerState.Closed),
            service.Status
        );
    }

    /// <summary>
    /// The first timer of an actor system costs whoever asks for it a wait: many at once, and there is no thread left
    /// to end it.
    /// </summary>
    [Fact]
    public void Start_HasTimersRun_BeforeAnythingNeedsOne()
    {
        var scheduler = (ImpatientScheduler)Sys.Scheduler;
        Assert.False(scheduler.WasAsked);

        Start();

        Assert.True(scheduler.WasAsked);
    }

    [Fact]
    public async Task ValidFor_CapsTheAge_AndNeverProlongsIt()
    {
        _time = new FakeTimeProvider(Sample.Now);
        var asked = new ConcurrentQueue<ChargingRequest>();
        _callbacks.Answer = (request, _, _) =>
        {
            asked.Enqueue(request);
            return Task.FromResult(ScriptedCallbackClient.Ok());
        };
        var service = Start();

        foreach (var validFor in (TimeSpan?[])[null, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)])
            await service.Intake.SubmitAsync(Sample.Submission(validFor: validFor));

        await SettledAsync(3);
        Assert.Equal(
            [1, 300, 300],
            asked.Select(request => (request.ExpiresAt - request.AcceptedAt).TotalSeconds).Order()
        );
    }

    [Theory]
    [InlineData(20)]
    [InlineData(-60)]
    [InlineData(3 * 24 * 60)]
    public async Task WallClockThatIsSet_MakesNothingOlderOrYounger(int minutes)
    {
        var time = new SteppingTime();
        _time = time;
        var asked = new TaskCompletionSource<AuthorizerAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        _authorizer.Always((_, _) => new(asked.Task));
        var service = Start();
        var ids = await SubmitAsync(service, 20);
        await Eventually.HoldsAsync(() => _authorizer.Calls == 20, "all wait for their decision");

        time.Step = TimeSpan.FromMinutes(minutes);
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(TimeSpan.FromSeconds(10), service.Load.OldestAge);
        asked.SetResult(AuthorizerAnswer.AllowedByList);

        await SettledAsync(20);
        await AssertDecidedAndSettledOnceAsync(ids);
        Assert.All(_observer.Ages, age => Assert.Equal(TimeSpan.FromSeconds(10), age));
        Assert.All(
            _observer.DecidedEvents,
            decided => Assert.InRange(decided.QueueWait, TimeSpan.Zero, TimeSpan.FromSeconds(10))
        );
        foreach (var id in ids)
        {
            var record = await _journal.FindAsync(id, default);
            Assert.True(
                record!.AcceptedAt <= record.Decision!.DecidedAt && record.Decision.DecidedAt <= record.SettledAt
            );
        }
    }

    [Fact]
    public async Task ManyRequests_UseEveryLane()
    {
        var service = Start(settings =>
            settings with
            {
                Queue = settings.Queue with { ConsumerThreads = 4 },
                Authorization = settings.Authorization with { Parallelism = 4 },
            }
        );
        _authorizer.HangsAlways();

        await SubmitAsync(service, 40);

        // Each lane has a parallelism of one: four calls at a time are four lanes.
        await Eventually.HoldsAsync(() => _authorizer.Calls == 4, "every lane asks about a request");
        Assert.Equal(40, service.Status.Pending);
        Assert.Equal(40, await DrainAsync(service, TimeSpan.FromMilliseconds(100)).WaitAsync(Patience));
        Assert.Equal(4, _authorizer.Calls);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task GraphThatDies_IsRunAgain_AndLosesNothing(bool inDecided)
    {
        var armed = 1;
        if (inDecided)
            _observer.OnDecided = _ => ThrowWhile(() => Interlocked.Exchange(ref armed, 0) == 1);
        else
            _observer.OnSettled = request => ThrowWhile(() => TakesTheBlow(request));
        var service = Start();

        var ids = await SubmitAsync(service, 200);

        await Eventually.HoldsAsync(
            () => service.Status is { Pending: 0, Worst: LaneState.Running },
            "everything is settled"
        );
        Assert.Equal(1, service.Status.Restarts);
        await AssertDecidedAndSettledOnceAsync(ids);

        bool TakesTheBlow(ChargingRequest request)
        {
            if (Interlocked.Exchange(ref armed, 0) == 0)
                return false;
            _lostToTheDefect.Add(request.Id);
            return true;
        }
    }

    [Fact]
    public async Task RequestsAcceptedWhileTheGraphIsDead_AreTakenUpByTheNext()
    {
        var armed = 1;
        _observer.OnDecided = _ => ThrowWhile(() => Interlocked.Exchange(ref armed, 0) == 1);
        var service = Start();
        var first = await SubmitAsync(service, 1);
        await Eventually.HoldsAsync(() => service.Status.Restarts == 1, "the graph died");

        var second = await SubmitAsync(service, 50);

        await Eventually.HoldsAsync(() => service.Status.Pending == 0, "everything is settled");
        await AssertDecidedAndSettledOnceAsync([.. first, .. second]);
    }

    [Fact]
    public async Task GraphThatDiesAgainAndAgain_IsFailing_AndRecovers()
    {
        var broken = true;
        _callbacks.Answer = (_, _, _) =>
        {
            ThrowWhile(() => Volatile.Read(ref broken));
            return Task.FromResult(ScriptedCallbackClient.Ok());
        };
        var service = Start();
        var ids = await SubmitAsync(service, 3);

        await Eventually.HoldsAsync(() => service.Status.Worst == LaneState.Failing, "the lane is failing");
        Assert.True(service.Status.Restarts >= 5);
        Volatile.Write(ref broken, false);

        await Eventually.HoldsAsync(
            () => service.Status is { Pending: 0, Worst: LaneState.Running },
            "everything is settled"
        );
        await AssertSettledOnceAsync(ids);
    }

    [Fact]
    public async Task HealthyMinute_MakesTheNextDeathAFirstOne()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        _time = time;
        var broken = true;
        _callbacks.Answer = (_, _, _) =>
        {
            time.Advance(TimeSpan.FromMinutes(1));
            ThrowWhile(() => Volatile.Read(ref broken));
            return Task.FromResult(ScriptedCallbackClient.Ok());
        };
        var service = Start(settings =>
            settings with
            {
                Request = settings.Request with { MaxAge = TimeSpan.FromDays(1) },
            }
        );
        var ids = await SubmitAsync(service, 1);

        await Eventually.HoldsAsync(
            () =>
            {
                Assert.NotEqual(LaneState.Failing, service.Status.Worst);
                return service.Status.Restarts >= 7;
            },
            "the graph died seven times"
        );
        Volatile.Write(ref broken, false);

        await Eventually.HoldsAsync(() => service.Status.Pending == 0, "everything is settled");
        await AssertSettledOnceAsync(ids);
    }

    /// <summary>
    /// Requests are offered once to each run: an owner that counted its runs from one again would never offer those of
    /// the owner before.
    /// </summary>
    [Fact]
    public async Task OwnerThatIsItselfRestarted_TakesUpWhatIsPending()
    {
        var time = new FailingTime();
        _time = time;
        var armed = 1;
        _observer.OnDecided = _ =>
            ThrowWhile(() =>
            {
                time.FailsOnce = Volatile.Read(ref armed) == 1;
                return Interlocked.Exchange(ref armed, 0) == 1;
            });
        var service = Start();

        var ids = await SubmitAsync(service, 20);

        await Eventually.HoldsAsync(
            () => service.Status is { Pending: 0, Worst: LaneState.Running },
            "everything is settled"
        );
        Assert.True(time.Failed);
        await AssertSettledOnceAsync(ids);
    }

    [Fact]
    public async Task Drain_FinishesWhatIsPending()
    {
        var service = Start();
        var gate = new TaskCompletionSource();
        _authorizer.Always(
            async (_, _) =>
            {
                await gate.Task;
                return AuthorizerAnswer.AllowedByList;
            }
        );
        var ids = await SubmitAsync(service, 100);

        var draining = DrainAsync(service, Grace);
        Assert.Equal(IntakeOutcome.ShuttingDown, (await service.Intake.SubmitAsync(Sample.Submission())).Outcome);
        gate.SetResult();

        Assert.Equal(0, await draining.WaitAsync(Patience));
        Assert.Equal(LaneState.Stopped, service.Status.Worst);
        await AssertDecidedAndSettledOnceAsync(ids);
    }

    [Fact]
    public async Task HangingAuthorizer_IsCancelledAtTheEndOfTheGrace_AndItsRequestsAreLeft()
    {
        var service = Start();
        var done = await SubmitAsync(service, 2);
        await SettledAsync(2);
        _authorizer.HangsAlways();
        var left = await SubmitAsync(service, 3);
        await Eventually.HoldsAsync(() => _authorizer.Calls == 5, "every call hangs");

        Assert.Equal(3, await DrainAsync(service, TimeSpan.FromMilliseconds(300)).WaitAsync(Patience));

        await Eventually.HoldsAsync(() => _authorizer.Cancelled >= 3, "the calls are cancelled");
        await AssertSettledOnceAsync(done);
        foreach (var id in left)
            Assert.Equal(RequestState.Queued, (await _journal.FindAsync(id, default))!.State);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task HangingReceiver_IsLeftAtTheEndOfTheGrace_AlsoWhenItsClientIgnoresTheToken(bool heedsToken)
    {
        _callbacks.Answer = (_, _, stopping) =>
            ScriptedCallbackClient.HangAsync(heedsToken ? stopping : CancellationToken.None);
        var service = Start();
        var ids = await SubmitAsync(service, 3);
        await Eventually.HoldsAsync(() => _observer.DecidedEvents.Count == 3, "every request is decided");

        Assert.Equal(3, await DrainAsync(service, TimeSpan.FromMilliseconds(300)).WaitAsync(Patience));

        Assert.Empty(_observer.SettledEvents);
        foreach (var id in ids)
            Assert.Equal(RequestState.Decided, (await _journal.FindAsync(id, default))!.State);
    }

    [Fact]
    public async Task RetriesThatWait_AreLeftAtTheEndOfTheGrace()
    {
        _callbacks.Answer = (_, _, _) =>
            Task.FromResult(ScriptedCallbackClient.Busy(retryAfter: TimeSpan.FromMinutes(1)));
        var service = Start();
        var ids = await SubmitAsync(service, 3);
        await Eventually.HoldsAsync(() => _observer.AttemptedEvents.Count == 3, "the first attempts failed");

        Assert.Equal(3, await DrainAsync(service, TimeSpan.FromMilliseconds(300)).WaitAsync(Patience));

        foreach (var id in ids)
            Assert.Equal(
                (RequestState.Decided, 1),
                (
                    (await _journal.FindAsync(id, default))!.State,
                    (await _journal.FindAsync(id, default))!.Attempts.Count
                )
            );
    }

    [Fact]
    public async Task DrainWhileTheGraphIsDead_RunsItOnceMore()
    {
        var armed = 1;
        _observer.OnDecided = _ => ThrowWhile(() => Interlocked.Exchange(ref armed, 0) == 1);
        var service = Start();
        var ids = await SubmitAsync(service, 10);
        await Eventually.HoldsAsync(() => service.Status.Restarts == 1, "the graph died");

        Assert.Equal(0, await DrainAsync(service, Grace).WaitAsync(Patience));

        await AssertDecidedAndSettledOnceAsync(ids);
    }

    [Fact]
    public async Task GraphThatDiesDuringTheDrain_IsRunAgainWithinTheGrace()
    {
        var gate = new TaskCompletionSource();
        _authorizer.Always(
            async (_, _) =>
            {
                await gate.Task;
                return AuthorizerAnswer.AllowedByList;
            }
        );
        var armed = 1;
        _observer.OnDecided = _ => ThrowWhile(() => Interlocked.Exchange(ref armed, 0) == 1);
        var service = Start();
        var ids = await SubmitAsync(service, 10);
        await Eventually.HoldsAsync(() => _authorizer.Calls == 10, "every request is asked about");

        var draining = DrainAsync(service, Grace);
        gate.SetResult();

        Assert.Equal(0, await draining.WaitAsync(Patience));
        Assert.Equal(1, service.Status.Restarts);
        await AssertSettledOnceAsync(ids);
    }

    [Fact]
    public async Task GraphThatDiesForEverDuringTheDrain_IsLeftAtTheEndOfTheGrace()
    {
        _callbacks.Answer = (_, _, _) => throw new InvalidOperationException("planted defect");
        var service = Start();
        await SubmitAsync(service, 2);

        Assert.Equal(2, await DrainAsync(service, TimeSpan.FromSeconds(3)).WaitAsync(Patience));

        Assert.Equal(LaneState.Stopped, service.Status.Worst);
    }

    [Fact]
    public async Task FullQueue_RefusesAtOnce_WithoutTheJournal_AndTakesAgainWhenAPlaceIsGivenBack()
    {
        var gate = new TaskCompletionSource();
        _authorizer.Always(
            async (_, _) =>
            {
                await gate.Task;
                return AuthorizerAnswer.AllowedByList;
            }
        );
        var service = Start(settings => settings with { Queue = settings.Queue with { MaxSize = 6 } });
        await SubmitAsync(service, 3); // half of the queue is for destinations that have answered before
        _journal.IsAway = true; // so that a write would be seen

        var refused = await service.Intake.SubmitAsync(Sample.Submission());
        Assert.Equal(IntakeOutcome.QueueFull, refused.Outcome);
        Assert.InRange(refused.RetryAfter!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));
        Assert.Equal((3, 0), (service.Status.Pending, _journal.Refused));
        _journal.IsAway = false;
        gate.SetResult();

        await SettledAsync(3);
        Assert.Equal(IntakeOutcome.Accepted, (await service.Intake.SubmitAsync(Sample.Submission())).Outcome);
    }

    [Fact]
    public async Task JournalThatIsAway_GivesThePlaceBack()
    {
        var service = Start(settings => settings with { Queue = settings.Queue with { MaxSize = 1 } });
        _journal.IsAway = true;

        for (var i = 0; i < 3; i++)
        {
            var refused = await service.Intake.SubmitAsync(Sample.Submission());
            Assert.Equal(
                (IntakeOutcome.JournalUnavailable, TimeSpan.FromSeconds(5)),
                (refused.Outcome, refused.RetryAfter)
            );
        }

        Assert.Equal(0, service.Status.Pending);
        _journal.IsAway = false;
        Assert.Equal(IntakeOutcome.Accepted, (await service.Intake.SubmitAsync(Sample.Submission())).Outcome);
    }

    [Fact]
    public async Task ReplayAndConflict_GiveTheirPlacesBack()
    {
        var service = Start();
        var first = await service.Intake.SubmitAsync(Sample.Submission(claim: new("k", "b")));
        await SettledAsync(1);

        Assert.Equal(
            new IntakeResult(IntakeOutcome.Replayed, first.Id),
            await service.Intake.SubmitAsync(Sample.Submission(claim: new("k", "b")))
        );
        Assert.Equal(
            new IntakeResult(IntakeOutcome.Conflict, first.Id),
            await service.Intake.SubmitAsync(Sample.Submission(claim: new("k", "other")))
        );

        Assert.Equal(0, service.Status.Pending);
        Assert.Single(_observer.SettledEvents);
    }

    [Fact]
    public async Task SubmissionsThatMeetTheClose_AreEitherRefusedOrSettled()
    {
        var service = Start(settings =>
            settings with
            {
                Queue = settings.Queue with { ConsumerThreads = 2, MaxSize = 500 },
                Authorization = settings.Authorization with
                {
                    Throttle = settings.Authorization.Throttle with { Elements = 0 },
                },
            }
        );
        var accepted = new ConcurrentQueue<RequestId>();
        var submitting = Enumerable
            .Range(0, 4)
            .Select(_ =>
                Task.Run(async () =>
                {
                    while (true)
                    {
                        var result = await service.Intake.SubmitAsync(Sample.Submission());
                        if (result.Outcome == IntakeOutcome.ShuttingDown)
                            return;
                        if (result.Outcome == IntakeOutcome.Accepted)
                            accepted.Enqueue(result.Id);
                    }
                })
            )
            .ToList();
        await SettledAsync(200);

        Assert.Equal(0, await DrainAsync(service, Grace).WaitAsync(Patience));

        await Task.WhenAll(submitting).WaitAsync(Patience);
        await AssertSettledOnceAsync([.. accepted]);
    }

    /// <summary>
    /// An authorizer that hangs, a queue of ten thousand behind it, and a throttle that would take 100 s for them: each
    /// request is decided at its own deadline, once.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task AnswerWithin_DecidesTheWholeQueueAtItsDeadline(int lanes)
    {
        var time = new FakeTimeProvider(Sample.Now);
        _time = time;
        _authorizer.HangsAlways();
        var service = Start(settings =>
            settings with
            {
                Queue = settings.Queue with { ConsumerThreads = lanes, MaxSize = 30_000 },
                Authorization = settings.Authorization with
                {
                    AnswerWithin = TimeSpan.FromSeconds(3),
                    Throttle = settings.Authorization.Throttle with { Elements = 100, Burst = 100 },
                    CircuitBreaker = settings.Authorization.CircuitBreaker with { Enabled = false },
                },
                Callback = settings.Callback with { MaxInFlight = 10_000, MaxInFlightPerDestination = 10_000 },
            }
        );
        var early = await SubmitAsync(service, 5_000);
        await Eventually.HoldsAsync(() => _authorizer.Calls == 64, "the authorizer is asked as often as it may be");
        time.Advance(TimeSpan.FromSeconds(1));
        var late = await SubmitAsync(service, 5_000);

        time.Advance(TimeSpan.FromMilliseconds(1_999));
        Assert.Empty(_observer.DecidedEvents);
        time.Advance(TimeSpan.FromMilliseconds(1));
        await SettledAsync(early.Count);
        Assert.Equal(early.Count, _observer.DecidedEvents.Count);
        await Eventually.HoldsAsync(() => _authorizer.Calls == 128, "it is asked about the late ones");
        time.Advance(TimeSpan.FromSeconds(1));
        await SettledAsync(early.Count + late.Count);

        Assert.Equal(
            early.Concat(late).OrderBy(id => id.Value),
            _observer.DecidedEvents.Select(decided => decided.Id).OrderBy(id => id.Value) // none twice
        );
        Assert.All(_observer.DecidedEvents, decided => Assert.Equal(DecisionReason.Deadline, decided.Decision.Reason));
        foreach (var id in early.Concat(late))
        {
            var record = (await _journal.FindAsync(id, default))!;
            Assert.Equal(record.AcceptedAt.AddSeconds(3), record.Decision!.DecidedAt);
        }
    }

    /// <summary>The turn of the second request would come after its end, and would hold up all behind it.</summary>
    [Fact]
    public async Task RequestsThatWaitForTheThrottle_ExpireInTime()
    {
        var time = new FakeTimeProvider(Sample.Now);
        _time = time;
        var service = Start(settings =>
            settings with
            {
                Request = settings.Request with { MaxAge = TimeSpan.FromSeconds(2) },
                Authorization = settings.Authorization with
                {
                    Throttle = new(Elements: 1, Per: TimeSpan.FromHours(1), Burst: 1),
                },
            }
        );

        await SubmitAsync(service, 5);
        await SettledAsync(1);
        await Eventually.HoldsAsync(
            () =>
            {
                time.Advance(TimeSpan.FromMilliseconds(50)); // an hour would take longer than the test waits
                return _observer.SettledEvents.Count == 5;
            },
            "all are settled"
        );

        Assert.Equal(1, _authorizer.Calls);
        Assert.Equal(4, _observer.SettledEvents.Count(settled => settled.Settlement.State == RequestState.Expired));
    }

    [Fact]
    public async Task LongBacklog_IsLoggedAsItIsTakenUp()
    {
        var time = new FakeTimeProvider(Sample.Now);
        _time = time;
        var service = New(SettingsLoader.Defaults);
        Sys.EventStream.Subscribe(TestActor, typeof(Info));
        var recovery = RecoveryOf(service, Unsettled);

        recovery.Start(Logging.GetLogger(Sys, this));

        await LoggedAsync("Resuming 0 unsettled requests");
        await LoggedAsync("Resumed 3 unsettled requests of an earlier process so far; 0 are left");
        await LoggedAsync("Resumed 4 unsettled requests of an earlier process in 12");
        await recovery.StopAsync();

        IEnumerable<UnsettledRequest> Unsettled()
        {
            for (var i = 0; i < 4; i++)
            {
                time.Advance(TimeSpan.FromSeconds(i == 3 ? 0 : 4));
                yield return new(Sample.Request(), Sample.Decision(), AttemptsMade: 0);
            }
        }

        async Task LoggedAsync(string start)
        {
            var line = await ExpectMsgAsync<Info>(Patience);
            Assert.StartsWith(start, line.Message.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task BacklogThatMeetsADefect_IsLogged_AndReadAgain()
    {
        var time = new FakeTimeProvider(Sample.Now);
        _time = time;
        var service = New(SettingsLoader.Defaults);
        Sys.EventStream.Subscribe(TestActor, typeof(Error));
        var readings = 0;
        var recovery = RecoveryOf(service, Unsettled);

        recovery.Start(Logging.GetLogger(Sys, this));

        Assert.Equal("planted defect", (await ExpectMsgAsync<Error>(Patience)).Cause.Message);
        await Eventually.HoldsAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(1));
                return service.Status.Pending == 1;
            },
            "the backlog is read again"
        );
        await recovery.StopAsync();

        IEnumerable<UnsettledRequest> Unsettled()
        {
            ThrowWhile(() => ++readings == 1);
            yield return new(Sample.Request(), Sample.Decision(), AttemptsMade: 0);
        }
    }

    [Fact]
    public async Task CloseOfAnIdleIntake_IsCompleteAtOnce_AlsoTheSecondTime()
    {
        var service = Start();

        Assert.True(service.Intake.CloseAsync().IsCompletedSuccessfully);
        await service.Intake.CloseAsync();
        Assert.Equal(IntakeOutcome.ShuttingDown, (await service.Intake.SubmitAsync(Sample.Submission())).Outcome);
    }

    [Fact]
    public async Task Hosting_StartsTheLanesWithTheActorSystem()
    {
        var service = New(SettingsLoader.Defaults);
        using var host = new HostBuilder()
            .ConfigureServices(services =>
                services.AddAkka(
                    "service-test",
                    (akka, _) =>
                        akka.WithActors((system, _) => new StandaloneLanes(service, _journal, _time).Start(system))
                )
            )
            .Build();
        await host.StartAsync();

        await service.Intake.SubmitAsync(Sample.Submission());

        await SettledAsync(1);
        await host.StopAsync();
    }

    private static void ThrowWhile(Func<bool> condition)
    {
        if (condition())
            throw new InvalidOperationException("planted defect");
    }

    private static async Task<List<RequestId>> SubmitAsync(ChargingService service, int count)
    {
        var ids = new List<RequestId>();
        for (var i = 0; i < count; i++)
        {
            var result = await service.Intake.SubmitAsync(Sample.Submission());
            Assert.Equal(IntakeOutcome.Accepted, result.Outcome);
            ids.Add(result.Id);
        }

        return ids;
    }

    private ChargingService New(ChargingSettings settings) =>
        new(settings, AuthorizerChain.Of("acl", _authorizer), _callbacks, _journal, _observer, _time);

    private ChargingService Start(Func<ChargingSettings, ChargingSettings>? change = null)
    {
        var service = New(change is null ? SettingsLoader.Defaults : change(SettingsLoader.Defaults));
        _lanes = new StandaloneLanes(service, _journal, _time);
        _lanes.Start(Sys);
        return service;
    }

    private async Task<long> DrainAsync(ChargingService service, TimeSpan grace)
    {
        await service.Intake.CloseAsync();
        return Assert.IsType<LaneStop.Drained>(await _lanes!.StopAsync(grace)).Left;
    }

    private Recovery RecoveryOf(ChargingService service, Func<IEnumerable<UnsettledRequest>> unsettled) =>
        new(
            _journal,
            _ => unsettled().ToAsyncEnumerable(),
            id => service.Lanes.Of(id, number: 0)!,
            goesOn: false,
            service.Admission,
            _time
        );

    private Task SettledAsync(int count) =>
        Eventually.HoldsAsync(() => _observer.SettledEvents.Count >= count, $"{count} are settled");

    private async Task AssertSettledOnceAsync(IReadOnlyCollection<RequestId> ids)
    {
        foreach (var id in ids)
        {
            var record = await _journal.FindAsync(id, default);
            Assert.Equal(
                (RequestState.Delivered, AuthorizationStatus.Allowed),
                (record!.State, record.Decision!.Status)
            );
            Assert.Equal(
                1,
                _observer.SettledEvents.Count(settled => settled.Id == id) + (_lostToTheDefect.Contains(id) ? 1 : 0)
            );
        }
    }

    private async Task AssertDecidedAndSettledOnceAsync(IReadOnlyCollection<RequestId> ids)
    {
        Assert.All(ids, id => Assert.InRange(_observer.DecidedEvents.Count(decided => decided.Id == id), 0, 1));
        Assert.Equal(ids.Count, _authorizer.Queries.Select(query => query.RequestId).Distinct().Count());
        await AssertSettledOnceAsync(ids);
    }

    /// <summary>Breaks its caller once, where an owner asks how long its run lasted.</summary>
    private sealed class FailingTime : TimeProvider
    {
        public bool FailsOnce { get; set; }

        public bool Failed { get; private set; }

        public override long GetTimestamp()
        {
            if (FailsOnce && Environment.StackTrace.Contains("LaneActor.OnEnded", StringComparison.Ordinal))
            {
                (FailsOnce, Failed) = (false, true);
                throw new InvalidOperationException("planted defect of the owner");
            }

            return base.GetTimestamp();
        }
    }
}
