using System.Collections.Concurrent;
using Akka.Hosting;
using AkkaCharging.Authorization;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Pipeline;

/// <summary>The way of a request through the service.</summary>
[Trait("Category", "Component")]
public sealed class ChargingServiceTests : ChargingServiceTest
{
    [Fact]
    public async Task AcceptedRequest_IsDecidedCalledBackAndSettled()
    {
        var service = Start();

        var result = await service.Intake.SubmitAsync(Sample.Submission());

        Assert.Equal(IntakeOutcome.Accepted, result.Outcome);
        await SettledAsync(1);
        Assert.Equal(
            (result.Id, RequestState.Delivered),
            Observer.SettledEvents.Select(settled => (settled.Id, settled.Settlement.State)).Single()
        );
        Assert.Equal(RequestState.Delivered, (await Journal.FindAsync(result.Id, default))!.State);
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
        Time = new FakeTimeProvider(Sample.Now);
        var asked = new ConcurrentQueue<ChargingRequest>();
        Callbacks.Answer = (request, _, _) =>
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
        Time = time;
        var asked = new TaskCompletionSource<AuthorizerAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        Authorizer.Always((_, _) => new(asked.Task));
        var service = Start();
        var ids = await SubmitAsync(service, 20);
        await Eventually.HoldsAsync(() => Authorizer.Calls == 20, "all wait for their decision");

        time.Step = TimeSpan.FromMinutes(minutes);
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(TimeSpan.FromSeconds(10), service.Load.OldestAge);
        asked.SetResult(AuthorizerAnswer.AllowedByList);

        await SettledAsync(20);
        await AssertDecidedAndSettledOnceAsync(ids);
        Assert.All(Observer.Ages, age => Assert.Equal(TimeSpan.FromSeconds(10), age));
        Assert.All(
            Observer.DecidedEvents,
            decided => Assert.InRange(decided.QueueWait, TimeSpan.Zero, TimeSpan.FromSeconds(10))
        );
        foreach (var id in ids)
        {
            var record = await Journal.FindAsync(id, default);
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
        Authorizer.HangsAlways();

        await SubmitAsync(service, 40);

        // Each lane has a parallelism of one: four calls at a time are four lanes.
        await Eventually.HoldsAsync(() => Authorizer.Calls == 4, "every lane asks about a request");
        Assert.Equal(40, service.Status.Pending);
        Assert.Equal(40, await DrainAsync(service, TimeSpan.FromMilliseconds(100)).WaitAsync(Patience));
        Assert.Equal(4, Authorizer.Calls);
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
        var time = new SteppingTime();
        Time = time;
        Authorizer.HangsAlways();
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
        await Eventually.HoldsAsync(() => AreWaitedFor(64), "the authorizer is asked as often as it may be");
        time.Advance(TimeSpan.FromSeconds(1));
        var late = await SubmitAsync(service, 5_000);

        time.Advance(TimeSpan.FromMilliseconds(1_999));
        Assert.Empty(Observer.DecidedEvents);
        time.Advance(TimeSpan.FromMilliseconds(1));
        await SettledAsync(early.Count);
        Assert.Equal(early.Count, Observer.DecidedEvents.Count);
        await Eventually.HoldsAsync(() => AreWaitedFor(128), "it is asked about the late ones");
        time.Advance(TimeSpan.FromSeconds(1));
        await SettledAsync(early.Count + late.Count);

        Assert.Equal(
            early.Concat(late).OrderBy(id => id.Value),
            Observer.DecidedEvents.Select(decided => decided.Id).OrderBy(id => id.Value) // none twice
        );
        Assert.All(Observer.DecidedEvents, decided => Assert.Equal(DecisionReason.Deadline, decided.Decision.Reason));
        foreach (var id in early.Concat(late))
        {
            var record = (await Journal.FindAsync(id, default))!;
            Assert.Equal(record.AcceptedAt.AddSeconds(3), record.Decision!.DecidedAt);
        }

        // Each call has a timer, besides that of the receivers and those of the throttle in each lane.
        bool AreWaitedFor(int calls) => Authorizer.Calls == calls && time.Timers >= 1 + lanes + calls;
    }

    /// <summary>The turn of the second request would come after its end, and would hold up all behind it.</summary>
    [Fact]
    public async Task RequestsThatWaitForTheThrottle_ExpireInTime()
    {
        var time = new FakeTimeProvider(Sample.Now);
        Time = time;
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
                return Observer.SettledEvents.Count == 5;
            },
            "all are settled"
        );

        Assert.Equal(1, Authorizer.Calls);
        Assert.Equal(4, Observer.SettledEvents.Count(settled => settled.Settlement.State == RequestState.Expired));
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
                        akka.WithActors((system, _) => new StandaloneLanes(service, Journal, Time).Start(system))
                )
            )
            .Build();
        await host.StartAsync();

        await service.Intake.SubmitAsync(Sample.Submission());

        await SettledAsync(1);
        await host.StopAsync();
    }
}
