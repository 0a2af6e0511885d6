using System.Collections.Concurrent;
using Akka.Streams;
using Akka.Streams.Dsl;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.Pipeline.Stages;

/// <summary>Deliveries to one receiver beside those to others.</summary>
[Trait("Category", "Component")]
public sealed class CallbackIsolationTests : CallbackStageTest
{
    [Fact]
    public async Task FailingDeliveries_DoNotDelayTheFirstAttemptsOfHealthyOnes()
    {
        const int Each = 100;
        var settings = Defaults with { MaxInFlight = 2, MaxConcurrentRetries = 1 };
        Receivers(settings);
        var failing = new List<PendingRequest>();
        var healthy = new List<PendingRequest>();
        for (var i = 0; i < Each; i++)
        {
            failing.Add(await DecidedAsync("http://127.0.0.1:8081/failing"));
            healthy.Add(await DecidedAsync());
        }

        Client.Answer = (request, _, _) =>
            Task.FromResult(
                request.Callback.Destination.Port == 8081
                    ? ScriptedCallbackClient.Busy(TimeSpan.FromMinutes(1))
                    : ScriptedCallbackClient.Ok()
            );
        var receipts = new ConcurrentQueue<CallbackReceipt>();
        var done = Source
            .From([.. failing, .. healthy])
            .Via(Stage(settings))
            .RunForeach(receipts.Enqueue, Sys.Materializer());

        // Time does not advance: the retry in progress waits forever, and the others wait behind it.
        await Eventually.HoldsAsync(() => receipts.Count == Each, "the healthy deliveries are settled");
        Assert.Equal(Each * 2, Client.Attempts.Count);
        Assert.All(receipts, receipt => Assert.Equal(RequestState.Delivered, receipt.Settlement!.State));
        Assert.False(done.IsCompleted);

        await Stopping.CancelAsync();
        await done.WaitAsync(Patience);
        Assert.Equal(Each * 2, receipts.Count);
        Assert.Equal(Each, receipts.Count(receipt => receipt.Settlement is null));
    }

    [Fact]
    public async Task HangingDestination_HoldsItsOwnSlots_AndNobodyElses()
    {
        var hanging = new List<PendingRequest>();
        var healthy = new List<PendingRequest>();
        for (var i = 0; i < 50; i++)
        {
            hanging.Add(await DecidedAsync("http://127.0.0.1:8081/hanging"));
            healthy.Add(await DecidedAsync());
        }

        Client.Answer = (request, _, stopping) =>
            request.Callback.Destination.Port == 8081
                ? ScriptedCallbackClient.HangAsync(stopping)
                : Task.FromResult(ScriptedCallbackClient.Ok());
        var receipts = new ConcurrentQueue<CallbackReceipt>();
        var done = Source
            .From([.. hanging, .. healthy])
            .Via(Stage(Defaults))
            .RunForeach(receipts.Enqueue, Sys.Materializer());

        await Eventually.HoldsAsync(() => receipts.Count == healthy.Count, "the healthy deliveries are settled");
        Assert.Equal(2, hanging.Sum(Client.AttemptsOf));
        Assert.Equal((2, 48), (Receivers(Defaults).Status(1)[0].InFlightMax, Receivers(Defaults).Status(1)[0].Waiting));

        await Stopping.CancelAsync();
        await done.WaitAsync(Patience);
        Assert.Equal((100, 50), (receipts.Count, receipts.Count(receipt => receipt.Settlement is null)));
        AssertNothingIsHeld();
    }

    [Fact]
    public async Task FailingDestination_OpensItsBreaker_AndWhatWaitsUsesNoAttempt_ButAges()
    {
        var settings = Defaults with
        {
            DestinationBreaker = new(Enabled: true, MaxFailures: 3, TimeSpan.FromHours(1)),
            MaxRetries = 0,
        };
        Receivers(settings);
        Client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Busy());
        var pending = new List<PendingRequest>();
        for (var i = 0; i < 20; i++)
            pending.Add(await DecidedAsync(age: TimeSpan.FromSeconds(60)));
        var delivering = DeliverAsync(settings, [.. pending]);
        await Eventually.HoldsAsync(
            () => Receivers(settings).Status(1) is [{ Breaker: BreakerState.Open, InFlight: 0, Waiting: 18 }],
            "the breaker is open, and the rest waits"
        );
        var attempted = Client.Attempts.Count;

        Time.Advance(TimeSpan.FromSeconds(61));

        // The third failure opened it: neither this failure nor one in flight at that time counts against its request.
        var receipts = await delivering;
        Assert.InRange(attempted, 3, 4);
        Assert.Equal(2, receipts.Count(receipt => receipt.Settlement!.State == RequestState.Failed));
        Assert.Equal(18, receipts.Count(receipt => receipt.Settlement!.State == RequestState.Expired));
        Assert.Equal(attempted, Client.Attempts.Count);
        AssertNothingIsHeld();
    }

    [Fact]
    public async Task FailedProbe_UsesUpNoAttempt_AndWhenTheReceiverIsBackEachRequestIsDelivered()
    {
        var settings = Defaults with
        {
            DestinationBreaker = new(Enabled: true, MaxFailures: 4, TimeSpan.FromSeconds(5)),
            RetryDelay = TimeSpan.FromMilliseconds(1),
        };
        var receivers = Receivers(settings);
        var isBack = false;
        Client.Answer = (_, _, _) =>
        {
            Time.Advance(TimeSpan.FromMilliseconds(1)); // what the attempt takes
            return Task.FromResult(isBack ? ScriptedCallbackClient.Ok() : ScriptedCallbackClient.Busy());
        };
        var pending = new List<PendingRequest>();
        for (var i = 0; i < 20; i++)
            pending.Add(await DecidedAsync());
        var delivering = DeliverAsync(settings, [.. pending]);
        await IsOpenAsync();
        var attempts = Client.Attempts.Count;

        for (var probe = 1; probe <= 12; probe++) // a minute
        {
            Time.Advance(TimeSpan.FromSeconds(5));
            var made = attempts + probe;
            await Eventually.HoldsAsync(() => Client.Attempts.Count == made, "the probe was made");
            await IsOpenAsync();
        }

        Assert.All(pending, request => Assert.InRange(request.AttemptsMade, 0, 3));
        isBack = true;
        Time.Advance(TimeSpan.FromSeconds(5));
        Assert.All(await delivering, receipt => Assert.Equal(RequestState.Delivered, receipt.Settlement!.State));
        AssertNothingIsHeld();

        Task IsOpenAsync() =>
            Eventually.HoldsAsync(
                () => receivers.Status(1) is [{ Breaker: BreakerState.Open, InFlight: 0, Waiting: 20 }],
                "the breaker is open, and all wait"
            );
    }

    [Fact]
    public async Task RetryToAPausedDestination_WaitsForItsTurn_AndUsesNoAttempt()
    {
        var pending = await DecidedAsync();
        var receivers = Receivers(Defaults);
        Client.Answer = (_, attempt, _) =>
        {
            if (attempt > 1)
                return Task.FromResult(ScriptedCallbackClient.Ok());
            receivers.Pause(pending.Receiver.Key);
            return Task.FromResult(ScriptedCallbackClient.Busy());
        };
        var delivering = DeliverAsync(Defaults, pending);
        await Eventually.HoldsAsync(() => receivers.Status(1)[0].Waiting == 1, "the retry is due");
        Assert.Equal(1, Client.AttemptsOf(pending));

        receivers.Resume(pending.Receiver.Key);

        Assert.Equal(RequestState.Delivered, Assert.Single(await delivering).Settlement!.State);
        AssertNothingIsHeld();
    }

    [Fact]
    public async Task StageThatDies_GivesItsSlotsBack()
    {
        Client.Answer = (_, _, stopping) => ScriptedCallbackClient.HangAsync(stopping);
        var pending = new List<PendingRequest>();
        for (var i = 0; i < 10; i++)
            pending.Add(await DecidedAsync());
        var (queue, done) = Source
            .Queue<PendingRequest>(10, OverflowStrategy.DropNew)
            .Via(Stage(Defaults))
            .ToMaterialized(Sink.ForEach<CallbackReceipt>(_ => { }), Keep.Both)
            .Run(Sys.Materializer());
        foreach (var request in pending)
            await queue.OfferAsync(request);
        await Eventually.HoldsAsync(() => Client.Attempts.Count == 2, "two attempts are under way");

        queue.Fail(new InvalidOperationException("planted defect"));

        await Assert.ThrowsAnyAsync<Exception>(() => done.WaitAsync(Patience));
        await Eventually.HoldsAsync(
            () => Receivers(Defaults).Status(1)[0].Waiting == 0,
            "nothing waits for a stage that is gone"
        );
        await Stopping.CancelAsync(); // as the lane's owner does
        await Eventually.HoldsAsync(
            () => Receivers(Defaults).Status(1)[0].InFlight == 0,
            "the attempts of the dead stage gave their slots back"
        );
    }
}
