using Akka.Streams;
using Akka.Streams.Dsl;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Callbacks;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Stages;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.AddressPolicy;

namespace AkkaCharging.Tests.Pipeline.Stages;

/// <summary>How long a delivery waits before its next attempt.</summary>
[Trait("Category", "Component")]
public sealed class RetryWaitTests : CallbackStageTest
{
    /// <summary>
    /// A wait is its step times 1 + 0.2 u, u uniform on [0, 1): 900 of them, a tenth in each tenth of the range.
    /// </summary>
    [Fact]
    public async Task Waits_DoubleWithJitterOnTop_SpreadEvenly()
    {
        Client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Busy());
        var pending = new List<PendingRequest>();
        for (var i = 0; i < 300; i++)
            pending.Add(await DecidedAsync());

        await DeliverAsync(Defaults with { Jitter = 0.2 }, [.. pending]);

        var steps = Waits()
            .GroupBy(wait =>
                wait < 30 ? 20
                : wait < 60 ? 40
                : 80
            )
            .ToList();
        Assert.Equal([(20, 300), (40, 300), (80, 300)], steps.Select(step => (step.Key, step.Count())).Order());
        var shares = steps.SelectMany(step => step.Select(wait => ((wait / step.Key) - 1) / 0.2)).ToList();
        Assert.All(shares, share => Assert.InRange(share, 0, 1));

        // 90 each, with a standard deviation of 9: seven of those are passed once in some 10^11 runs.
        var tenths = shares.CountBy(share => Math.Min((int)(share * 10), 9)).OrderBy(tenth => tenth.Key).ToList();
        Assert.Equal(Enumerable.Range(0, 10), tenths.Select(tenth => tenth.Key));
        Assert.All(tenths, tenth => Assert.InRange(tenth.Value, 27, 153));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.2)]
    [InlineData(1)]
    public async Task Waits_AreNeverLongerThanTheCap_JitterIncluded(double jitter)
    {
        Client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Busy());
        var pending = new List<PendingRequest>();
        for (var i = 0; i < 20; i++)
            pending.Add(await DecidedAsync());

        await DeliverAsync(
            Defaults with
            {
                MaxRetries = 6,
                Jitter = jitter,
                MaxRetryDelay = TimeSpan.FromSeconds(100),
            },
            [.. pending]
        );

        Assert.Equal(120, Waits().Count);
        Assert.All(Waits(), wait => Assert.InRange(wait, 20, 100));
        Assert.True(Waits().Max() > 99 / (1 + jitter));
    }

    [Fact]
    public async Task RetryAfter_StretchesTheWait()
    {
        Client.Answer = (_, attempt, _) =>
            Task.FromResult(
                attempt == 1 ? ScriptedCallbackClient.Busy(TimeSpan.FromSeconds(100)) : ScriptedCallbackClient.Ok()
            );
        var pending = await DecidedAsync();
        var delivering = DeliverAsync(Defaults, pending);
        await WaitingAsync(pending);
        var disposed = Time.Disposed;

        Time.Advance(TimeSpan.FromSeconds(100) - TimeSpan.FromMilliseconds(1));
        Assert.Equal((1, disposed), (Client.AttemptsOf(pending), Time.Disposed)); // the wait's own timer is left
        Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(RequestState.Delivered, Assert.Single(await delivering).Settlement!.State);
    }

    [Fact]
    public async Task RetryAfter_IsCapped()
    {
        Client.Answer = (_, attempt, _) =>
            Task.FromResult(
                attempt == 1 ? ScriptedCallbackClient.Busy(TimeSpan.FromDays(1)) : ScriptedCallbackClient.Ok()
            );
        var pending = await DecidedAsync(age: TimeSpan.FromDays(2));
        var delivering = DeliverAsync(Defaults with { MaxRetryDelay = TimeSpan.FromMinutes(2) }, pending);
        await WaitingAsync(pending);

        Time.Advance(TimeSpan.FromMinutes(2));

        Assert.Equal(RequestState.Delivered, Assert.Single(await delivering).Settlement!.State);
    }

    [Fact]
    public async Task ClockSetBackDuringARetryAfter_ProlongsItByNoMoreThanTheCap()
    {
        var (pending, delivering) = await AskedToWaitAsync(TimeSpan.FromDays(1), age: TimeSpan.FromDays(2));

        Time.Step = TimeSpan.FromHours(-12);
        await WaitingAsync(pending);
        Time.Advance(TimeSpan.FromMinutes(30));

        Assert.Equal(RequestState.Delivered, Assert.Single(await delivering).Settlement!.State);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(72)]
    public async Task ClockSetDuringARetryAfter_ChangesNothing(int hours)
    {
        var (pending, delivering) = await AskedToWaitAsync(TimeSpan.FromMinutes(20), age: TimeSpan.FromHours(2));

        Time.Step = TimeSpan.FromHours(hours);
        await WaitingAsync(pending);
        Time.Advance(TimeSpan.FromMinutes(20));

        Assert.Equal(RequestState.Delivered, Assert.Single(await delivering).Settlement!.State);
    }

    [Fact]
    public async Task ManyAttemptsAndALongDelay_OverflowNothing()
    {
        var pending = await DecidedAsync();
        pending.AttemptsMade = 50;

        await DeliverAsync(Defaults with { MaxRetries = 100, RetryDelay = TimeSpan.FromHours(1) }, pending);

        Assert.Equal([3_600], Waits());
    }

    /// <summary>
    /// A receiver that always fails sees attempts at 0, 1, 3 and 7 s, each wait up to a fifth longer.
    /// </summary>
    [Fact]
    public async Task ReceiverThatAlwaysFails_SeesAttemptsAt0And1And3And7Seconds()
    {
        await using var receiver = await CallbackReceiver.StartAsync();
        receiver.RespondWith(System.Net.HttpStatusCode.ServiceUnavailable);
        var settings = SettingsLoader.Defaults.Callback;
        var connector = new VettedConnector(
            Policies.Allowing("127.0.0.1/32"),
            new ScriptedResolver(["127.0.0.1"]),
            TimeProvider.System,
            Patience
        );
        using var client = new CallbackClient(
            CallbackHttpHandler.Create(connector, Patience),
            connector,
            new WebhookSigner(settings.Signing, TimeProvider.System),
            settings.Timeout,
            TimeProvider.System
        );
        using var system = Akka.Actor.ActorSystem.Create("real-time");
        var now = TimeProvider.System.GetUtcNow();
        var pending = Sample.Decided(receiver.Url, acceptedAt: now);
        await Journal.AcceptAsync(pending.Request, idempotency: null, default);
        var parts = new CallbackParts(client, Receivers(settings), Journal, Observer, Resources, TimeProvider.System);

        var receipt = await Source
            .Single(pending)
            .Via(CallbackStage.Create(settings, parts, system.Materializer(), new(Stopping.Token, Stopping.Token)))
            .RunWith(Sink.First<CallbackReceipt>(), system.Materializer());

        Assert.Equal(RequestState.Failed, receipt.Settlement!.State);
        var at = receiver.Received.Select(received => received.At.TotalSeconds).ToList();
        Assert.Equal(4, at.Count);
        foreach (var (index, wait) in ((double[])[1, 2, 4]).Index())
            // The longest is for a machine that is short of time; a scenario that runs alone has a closer bound.
            Assert.InRange(at[index + 1] - at[index], wait - 0.05, (wait * 1.2) + Patience.TotalSeconds);
        Assert.Single(receiver.Received.Select(received => received.WebhookId).Distinct());
        await system.Terminate();
    }

    /// <summary>A delivery that was answered with <c>Retry-After</c>, in the wait of RestartFlow.</summary>
    private async Task<(PendingRequest Pending, Task<IReadOnlyList<CallbackReceipt>> Delivering)> AskedToWaitAsync(
        TimeSpan retryAfter,
        TimeSpan age
    )
    {
        Client.Answer = (_, attempt, _) =>
            Task.FromResult(attempt == 1 ? ScriptedCallbackClient.Busy(retryAfter) : ScriptedCallbackClient.Ok());
        var pending = await DecidedAsync(age: age);
        var delivering = DeliverAsync(
            Defaults with
            {
                RetryDelay = TimeSpan.FromMinutes(30),
                MaxRetryDelay = TimeSpan.FromMinutes(30),
            },
            pending
        );
        await Eventually.HoldsAsync(() => Waits().Count == 1, "RestartFlow waits its half an hour, 1.8 s here");
        return (pending, delivering);
    }
}
