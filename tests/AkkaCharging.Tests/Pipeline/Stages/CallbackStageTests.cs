using System.Collections.Concurrent;
using Akka.Streams;
using Akka.Streams.Dsl;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Callbacks;
using AkkaCharging.Journal.Memory;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Stages;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.AddressPolicy;

namespace AkkaCharging.Tests.Pipeline.Stages;

/// <summary>
/// The stage and its deliveries, against a scripted receiver. Waits of 20 s and more are noted and cut to a thousandth.
/// </summary>
[Trait("Category", "Component")]
public sealed class CallbackStageTests : Akka.TestKit.Xunit2.TestKit
{
    private static readonly TimeSpan Patience = Eventually.Patience;
    private static readonly CallbackSettings Defaults = SettingsLoader.Defaults.Callback with
    {
        RetryDelay = TimeSpan.FromSeconds(20),
        MaxRetryDelay = TimeSpan.FromHours(1),
        Jitter = 0,
        DestinationBreaker = SettingsLoader.Defaults.Callback.DestinationBreaker with { Enabled = false },
    };

    private const int TimersOfReceivers = 1; // of their register

    private readonly SteppingTime _time = new();
    private readonly ScriptedCallbackClient _client = new();
    private readonly RecordingObserver _observer = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _leaving;
    private BreakableJournal? _journal;
    private ReceiverRegister? _receivers;
    private ResourceGate? _resources;

    public CallbackStageTests()
        // without a line for each restart
        : base(ImpatientScheduler.Hocon + "\nakka.loglevel = ERROR") =>
        _leaving = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);

    private BreakableJournal Journal => _journal ??= new(new MemoryJournal(SettingsLoader.Defaults.Journal, _time));

    [Fact]
    public async Task Success_SettlesDelivered_AfterOneAttempt()
    {
        var pending = await DecidedAsync();

        var receipt = Assert.Single(await DeliverAsync(Defaults, pending));

        Assert.Same(pending, receipt.Pending);
        Assert.Equal(
            (RequestState.Delivered, CallbackOutcome.Success),
            (receipt.Settlement!.State, receipt.Settlement.LastAttempt!.Outcome)
        );
        await AssertJournalAsync(pending, RequestState.Delivered, attempts: 1);
        Assert.Single(_observer.AttemptedEvents);
    }

    [Fact]
    public async Task SuccessAfterTwoFailures_KeepsEachAttempt()
    {
        _client.Answer = (_, attempt, _) =>
            Task.FromResult(attempt < 3 ? ScriptedCallbackClient.Busy() : ScriptedCallbackClient.Ok());
        var pending = await DecidedAsync();

        var receipt = Assert.Single(await DeliverAsync(Defaults, pending));

        Assert.Equal(RequestState.Delivered, receipt.Settlement!.State);
        await AssertJournalAsync(pending, RequestState.Delivered, attempts: 3);
        Assert.Equal(
            [CallbackOutcome.HttpError, CallbackOutcome.HttpError, CallbackOutcome.Success],
            (await Journal.FindAsync(pending.Request.Id, default))!.Attempts.Select(attempt => attempt.Outcome)
        );
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public async Task FailureThatLasts_SettlesFailed_AfterTheRetries(int maxRetries)
    {
        _client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Busy());
        var pending = await DecidedAsync();

        var receipt = Assert.Single(await DeliverAsync(Defaults with { MaxRetries = maxRetries }, pending));

        Assert.Equal(
            (RequestState.Failed, 503),
            (receipt.Settlement!.State, receipt.Settlement.LastAttempt!.HttpStatus)
        );
        Assert.Equal(maxRetries + 1, _client.AttemptsOf(pending));
        await AssertJournalAsync(pending, RequestState.Failed, attempts: maxRetries + 1);
        Assert.Equal(Enumerable.Range(0, maxRetries).Select(retry => 20.0 * (1 << retry)), Waits());
    }

    [Fact]
    public async Task PermanentFailure_IsNotRetried()
    {
        _client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Gone());
        var pending = await DecidedAsync();

        var receipt = Assert.Single(await WithTimeAsync(DeliverAsync(Defaults, pending)));

        Assert.Equal(RequestState.Failed, receipt.Settlement!.State);
        Assert.Equal(1, _client.AttemptsOf(pending));
        await AssertJournalAsync(pending, RequestState.Failed, attempts: 1);
    }

    [Fact]
    public async Task PermanentFailureOfARetry_EndsTheRetries()
    {
        _client.Answer = (_, attempt, _) =>
            Task.FromResult(attempt < 2 ? ScriptedCallbackClient.Busy() : ScriptedCallbackClient.Gone());
        var pending = await DecidedAsync();

        await DeliverAsync(Defaults, pending);

        Assert.Equal(2, _client.AttemptsOf(pending));
        await AssertJournalAsync(pending, RequestState.Failed, attempts: 2);
    }

    /// <summary>
    /// A wait is its step times 1 + 0.2 u, u uniform on [0, 1): 900 of them, a tenth in each tenth of the range.
    /// </summary>
    [Fact]
    public async Task Waits_DoubleWithJitterOnTop_SpreadEvenly()
    {
        _client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Busy());
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
        _client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Busy());
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
        _client.Answer = (_, attempt, _) =>
            Task.FromResult(
                attempt == 1 ? ScriptedCallbackClient.Busy(TimeSpan.FromSeconds(100)) : ScriptedCallbackClient.Ok()
            );
        var pending = await DecidedAsync();
        var delivering = DeliverAsync(Defaults, pending);
        await WaitingAsync(pending);

        _time.Advance(TimeSpan.FromSeconds(100) - TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, _client.AttemptsOf(pending));
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal(RequestState.Delivered, Assert.Single(await delivering).Settlement!.State);
    }

    [Fact]
    public async Task RetryAfter_IsCapped()
    {
        _client.Answer = (_, attempt, _) =>
            Task.FromResult(
                attempt == 1 ? ScriptedCallbackClient.Busy(TimeSpan.FromDays(1)) : ScriptedCallbackClient.Ok()
            );
        var pending = await DecidedAsync(age: TimeSpan.FromDays(2));
        var delivering = DeliverAsync(Defaults with { MaxRetryDelay = TimeSpan.FromMinutes(2) }, pending);
        await WaitingAsync(pending);

        _time.Advance(TimeSpan.FromMinutes(2));

        Assert.Equal(RequestState.Delivered, Assert.Single(await delivering).Settlement!.State);
    }

    [Fact]
    public async Task ClockSetBackDuringARetryAfter_ProlongsItByNoMoreThanTheCap()
    {
        _client.Answer = (_, attempt, _) =>
            Task.FromResult(
                attempt == 1 ? ScriptedCallbackClient.Busy(TimeSpan.FromDays(1)) : ScriptedCallbackClient.Ok()
            );
        var pending = await DecidedAsync(age: TimeSpan.FromDays(2));
        var delivering = DeliverAsync(
            Defaults with
            {
                RetryDelay = TimeSpan.FromMinutes(30),
                MaxRetryDelay = TimeSpan.FromMinutes(30),
            },
            pending
        );
        await Eventually.HoldsAsync(() => Waits().Count == 1, "RestartFlow waits its half an hour, 1.8 s here");

        _time.Step = TimeSpan.FromHours(-12);
        await WaitingAsync(pending);
        _time.Advance(TimeSpan.FromMinutes(30));

        Assert.Equal(RequestState.Delivered, Assert.Single(await delivering).Settlement!.State);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(72)]
    public async Task ClockSetDuringARetryAfter_ChangesNothing(int hours)
    {
        _client.Answer = (_, attempt, _) =>
            Task.FromResult(
                attempt == 1 ? ScriptedCallbackClient.Busy(TimeSpan.FromMinutes(20)) : ScriptedCallbackClient.Ok()
            );
        var pending = await DecidedAsync(age: TimeSpan.FromHours(2));
        var delivering = DeliverAsync(
            Defaults with
            {
                RetryDelay = TimeSpan.FromMinutes(30),
                MaxRetryDelay = TimeSpan.FromMinutes(30),
            },
            pending
        );
        await Eventually.HoldsAsync(() => Waits().Count == 1, "RestartFlow waits its half an hour, 1.8 s here");

        _time.Step = TimeSpan.FromHours(hours);
        await WaitingAsync(pending);
        _time.Advance(TimeSpan.FromMinutes(20));

        Assert.Equal(RequestState.Delivered, Assert.Single(await delivering).Settlement!.State);
    }

    [Fact]
    public async Task RequestThatExpiresBetweenRetries_SettlesExpired_WithoutAnotherAttempt()
    {
        _client.Answer = (_, _, _) =>
        {
            _time.Advance(TimeSpan.FromSeconds(30));
            return Task.FromResult(ScriptedCallbackClient.Busy());
        };
        var pending = await DecidedAsync(age: TimeSpan.FromSeconds(60));

        var receipt = Assert.Single(await DeliverAsync(Defaults, pending));

        Assert.Equal((RequestState.Expired, null), (receipt.Settlement!.State, receipt.Settlement.LastAttempt));
        Assert.Equal(2, _client.AttemptsOf(pending));
        await AssertJournalAsync(pending, RequestState.Expired, attempts: 2);
    }

    [Fact]
    public async Task RequestThatExpiresBeforeItsRetryAfter_SettlesExpiredThen()
    {
        _client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Busy(TimeSpan.FromMinutes(50)));
        var pending = await DecidedAsync(age: TimeSpan.FromSeconds(60));
        var delivering = DeliverAsync(Defaults, pending);
        await WaitingAsync(pending);

        _time.Advance(TimeSpan.FromSeconds(60));

        Assert.Equal(RequestState.Expired, Assert.Single(await delivering).Settlement!.State);
        Assert.Equal(1, _client.AttemptsOf(pending));
    }

    [Fact]
    public async Task ExpiredRequest_IsNotCalledBack_DecidedOrNot()
    {
        var (decided, undecided) = (
            await DecidedAsync(age: TimeSpan.FromSeconds(1)),
            Sample.Pending(age: TimeSpan.FromSeconds(1))
        );
        await Journal.AcceptAsync(undecided.Request, idempotency: null, default);
        _time.Advance(TimeSpan.FromSeconds(1));

        var receipts = await DeliverAsync(Defaults, decided, undecided);

        Assert.All(receipts, receipt => Assert.Equal(RequestState.Expired, receipt.Settlement!.State));
        Assert.Equal(2, receipts.Count);
        Assert.Empty(_client.Attempts);
    }

    /// <summary>
    /// RestartFlow forgets its count when an attempt outlasts the first wait, unless it is configured not to: it would
    /// then retry forever.
    /// </summary>
    [Fact]
    public async Task AttemptsLongerThanTheFirstWait_EndAllTheSame()
    {
        _client.Answer = async (_, _, stopping) =>
        {
            await Task.Delay(TimeSpan.FromMilliseconds(60), stopping);
            return ScriptedCallbackClient.Busy();
        };
        var pending = await DecidedAsync();

        await DeliverAsync(Defaults with { RetryDelay = TimeSpan.FromMilliseconds(10) }, pending);

        Assert.Equal(4, _client.AttemptsOf(pending));
        await AssertJournalAsync(pending, RequestState.Failed, attempts: 4);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task DeliverySettledByARetry_IsNotFollowedByAnotherCallback(bool succeeds)
    {
        _client.Answer = async (_, attempt, _) =>
        {
            await Task.Yield();
            return attempt < 3 ? ScriptedCallbackClient.Busy()
                : succeeds ? ScriptedCallbackClient.Ok()
                : ScriptedCallbackClient.Gone();
        };
        var pending = new List<PendingRequest>();
        for (var i = 0; i < 50; i++)
            pending.Add(await DecidedAsync());

        await DeliverAsync(Defaults, [.. pending]);

        Assert.All(pending, delivered => Assert.Equal(3, _client.AttemptsOf(delivered)));
    }

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

        _client.Answer = (request, _, _) =>
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
        Assert.Equal(Each * 2, _client.Attempts.Count);
        Assert.All(receipts, receipt => Assert.Equal(RequestState.Delivered, receipt.Settlement!.State));
        Assert.False(done.IsCompleted);

        await _stopping.CancelAsync();
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

        _client.Answer = (request, _, stopping) =>
            request.Callback.Destination.Port == 8081
                ? ScriptedCallbackClient.HangAsync(stopping)
                : Task.FromResult(ScriptedCallbackClient.Ok());
        var receipts = new ConcurrentQueue<CallbackReceipt>();
        var done = Source
            .From([.. hanging, .. healthy])
            .Via(Stage(Defaults))
            .RunForeach(receipts.Enqueue, Sys.Materializer());

        await Eventually.HoldsAsync(() => receipts.Count == healthy.Count, "the healthy deliveries are settled");
        Assert.Equal(2, hanging.Sum(_client.AttemptsOf));
        Assert.Equal((2, 48), (Receivers(Defaults).Status(1)[0].InFlightMax, Receivers(Defaults).Status(1)[0].Waiting));

        await _stopping.CancelAsync();
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
        _client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Busy());
        var pending = new List<PendingRequest>();
        for (var i = 0; i < 20; i++)
            pending.Add(await DecidedAsync(age: TimeSpan.FromSeconds(60)));
        var delivering = DeliverAsync(settings, [.. pending]);
        await Eventually.HoldsAsync(
            () => Receivers(settings).Status(1) is [{ Breaker: BreakerState.Open, InFlight: 0, Waiting: 18 }],
            "the breaker is open, and the rest waits"
        );
        var attempted = _client.Attempts.Count;

        _time.Advance(TimeSpan.FromSeconds(61));

        // The third failure opened it: neither this failure nor one in flight at that time counts against its request.
        var receipts = await delivering;
        Assert.InRange(attempted, 3, 4);
        Assert.Equal(2, receipts.Count(receipt => receipt.Settlement!.State == RequestState.Failed));
        Assert.Equal(18, receipts.Count(receipt => receipt.Settlement!.State == RequestState.Expired));
        Assert.Equal(attempted, _client.Attempts.Count);
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
        _client.Answer = (_, _, _) =>
        {
            _time.Advance(TimeSpan.FromMilliseconds(1)); // what the attempt takes
            return Task.FromResult(isBack ? ScriptedCallbackClient.Ok() : ScriptedCallbackClient.Busy());
        };
        var pending = new List<PendingRequest>();
        for (var i = 0; i < 20; i++)
            pending.Add(await DecidedAsync());
        var delivering = DeliverAsync(settings, [.. pending]);
        await IsOpenAsync();
        var attempts = _client.Attempts.Count;

        for (var probe = 1; probe <= 12; probe++) // a minute
        {
            _time.Advance(TimeSpan.FromSeconds(5));
            var made = attempts + probe;
            await Eventually.HoldsAsync(() => _client.Attempts.Count == made, "the probe was made");
            await IsOpenAsync();
        }

        Assert.All(pending, request => Assert.InRange(request.AttemptsMade, 0, 3));
        isBack = true;
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.All(await delivering, receipt => Assert.Equal(RequestState.Delivered, receipt.Settlement!.State));
        AssertNothingIsHeld();

        Task IsOpenAsync() =>
            Eventually.HoldsAsync(
                () => receivers.Status(1) is [{ Breaker: BreakerState.Open, InFlight: 0, Waiting: 20 }],
                "the breaker is open, and all wait"
            );
    }

    [Fact]
    public async Task LeavingToTheJournal_PassesWhatBacksOff_AndFinishesWhatIsInFlight()
    {
        var answer = new TaskCompletionSource<AttemptResult>();
        var backingOff = await DecidedAsync("http://127.0.0.1:8081/busy");
        var inFlight = await DecidedAsync();
        _client.Answer = (request, _, _) =>
            request.Callback.Destination.Port == 8081
                ? Task.FromResult(ScriptedCallbackClient.Busy(TimeSpan.FromMinutes(1)))
                : answer.Task;
        var delivering = DeliverAsync(Defaults, backingOff, inFlight);
        await WaitingAsync(backingOff);
        await Eventually.HoldsAsync(() => _client.AttemptsOf(inFlight) == 1, "the other is in flight");

        await _leaving.CancelAsync();
        answer.SetResult(ScriptedCallbackClient.Ok());

        var receipts = await delivering;
        Assert.Null(receipts.Single(receipt => receipt.Pending == backingOff).Settlement);
        Assert.Equal(RequestState.Delivered, receipts.Single(receipt => receipt.Pending == inFlight).Settlement!.State);
        AssertNothingIsHeld();
    }

    [Fact]
    public async Task LeavingToTheJournal_PassesWhatWaitsForAPausedReceiver()
    {
        var pending = await DecidedAsync();
        var receivers = Receivers(Defaults);
        receivers.Pause(pending.Receiver.Key);
        var delivering = DeliverAsync(Defaults, pending);
        await Eventually.HoldsAsync(() => receivers.Status(1)[0].Waiting == 1, "it waits");

        receivers.Drain();

        Assert.Null(Assert.Single(await delivering).Settlement);
        Assert.Empty(_client.Attempts);
    }

    [Fact]
    public async Task RetryToAPausedDestination_WaitsForItsTurn_AndUsesNoAttempt()
    {
        var pending = await DecidedAsync();
        var receivers = Receivers(Defaults);
        _client.Answer = (_, attempt, _) =>
        {
            if (attempt > 1)
                return Task.FromResult(ScriptedCallbackClient.Ok());
            receivers.Pause(pending.Receiver.Key);
            return Task.FromResult(ScriptedCallbackClient.Busy());
        };
        var delivering = DeliverAsync(Defaults, pending);
        await Eventually.HoldsAsync(() => receivers.Status(1)[0].Waiting == 1, "the retry is due");
        Assert.Equal(1, _client.AttemptsOf(pending));

        receivers.Resume(pending.Receiver.Key);

        Assert.Equal(RequestState.Delivered, Assert.Single(await delivering).Settlement!.State);
        AssertNothingIsHeld();
    }

    [Fact]
    public async Task StageThatDies_GivesItsSlotsBack()
    {
        _client.Answer = (_, _, stopping) => ScriptedCallbackClient.HangAsync(stopping);
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
        await Eventually.HoldsAsync(() => _client.Attempts.Count == 2, "two attempts are under way");

        queue.Fail(new InvalidOperationException("planted defect"));

        await Assert.ThrowsAnyAsync<Exception>(() => done.WaitAsync(Patience));
        await Eventually.HoldsAsync(
            () => Receivers(Defaults).Status(1)[0].Waiting == 0,
            "nothing waits for a stage that is gone"
        );
        await _stopping.CancelAsync(); // as the lane's owner does
        await Eventually.HoldsAsync(
            () => Receivers(Defaults).Status(1)[0].InFlight == 0,
            "the attempts of the dead stage gave their slots back"
        );
    }

    [Fact]
    public async Task JournalThatIsAway_IsWaitedFor_AndTheCallbackIsNotRepeated()
    {
        var pending = await DecidedAsync();
        Journal.IsAway = true;
        var delivering = DeliverAsync(Defaults, pending);
        await Eventually.HoldsAsync(() => Journal.Refused == 1, "the journal refused the settlement");
        Assert.False(delivering.IsCompleted);

        Journal.IsAway = false;
        await Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return delivering.IsCompleted;
            },
            "the delivery is settled"
        );

        Assert.Equal(RequestState.Delivered, Assert.Single(await delivering).Settlement!.State);
        Assert.Equal(1, _client.AttemptsOf(pending));
    }

    [Fact]
    public async Task Stop_CancelsAttempts_AndLetsRequestsPassUnsettled()
    {
        _client.Answer = (_, _, stopping) => ScriptedCallbackClient.HangAsync(stopping);
        var settings = Defaults with { MaxInFlight = 1 };
        Receivers(settings);
        var (first, second) = (await DecidedAsync(), await DecidedAsync());
        var delivering = Source
            .From([first, second])
            .Via(Stage(settings))
            .RunWith(Sink.Seq<CallbackReceipt>(), Sys.Materializer());
        await Eventually.HoldsAsync(() => _client.Attempts.Count == 1, "the first attempt is under way");

        await _stopping.CancelAsync();

        Assert.All(await delivering.WaitAsync(Patience), receipt => Assert.Null(receipt.Settlement));
        Assert.Equal((1, 0), (_client.AttemptsOf(first), _client.AttemptsOf(second)));
        await AssertJournalAsync(first, RequestState.Decided, attempts: 0);
    }

    [Fact]
    public async Task StopWhileARetryWaits_LetsTheRequestPassUnsettled()
    {
        _client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Busy(TimeSpan.FromMinutes(1)));
        var pending = await DecidedAsync();
        var delivering = DeliverAsync(Defaults, pending);
        await WaitingAsync(pending);

        await _stopping.CancelAsync();

        Assert.Null(Assert.Single(await delivering).Settlement);
        await AssertJournalAsync(pending, RequestState.Decided, attempts: 1);
    }

    /// <summary>RestartFlow's own wait, uncut here: a lane that stops does not sit it out.</summary>
    [Fact]
    public async Task StopWhileARetryBacksOff_LetsTheRequestPassUnsettledAtOnce()
    {
        _client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Busy());
        var pending = await DecidedAsync();
        var delivering = DeliverAsync(Defaults with { RetryDelay = TimeSpan.FromSeconds(19) }, pending);
        await Eventually.HoldsAsync(
            async () => (await Journal.FindAsync(pending.Request.Id, default))!.Attempts.Count == 1,
            "the first attempt failed"
        );

        await _stopping.CancelAsync();

        Assert.Null(Assert.Single(await delivering.WaitAsync(Eventually.Patience)).Settlement);
        Assert.Equal(1, _client.AttemptsOf(pending));
        await AssertJournalAsync(pending, RequestState.Decided, attempts: 1);
    }

    [Theory]
    [InlineData(1, 3)]
    [InlineData(3, 1)]
    public async Task DeliveryThatFailedBeforeARestart_GoesOnWithItsRetries(int made, int left)
    {
        _client.Answer = (_, _, _) => Task.FromResult(ScriptedCallbackClient.Busy());
        var pending = await DecidedAsync();
        pending.AttemptsMade = made;

        await DeliverAsync(Defaults, pending);

        Assert.Equal(left, _client.AttemptsOf(pending));
        Assert.Equal(Enumerable.Range(made - 1, left).Select(retry => 20.0 * (1 << retry)), Waits());
    }

    /// <summary>
    /// Before a restart there were more retries, or the failed attempt that was the last was not settled.
    /// </summary>
    [Fact]
    public async Task DeliveryWithNoRetryLeft_HasOneMoreAttempt_WheneverThatIs()
    {
        _client.Answer = (_, attempt, _) =>
            Task.FromResult(
                attempt switch
                {
                    1 => Lacking(),
                    _ => ScriptedCallbackClient.Busy(),
                }
            );
        var pending = await DecidedAsync();
        pending.AttemptsMade = Defaults.MaxRetries + 1;

        var receipt = Assert.Single(await WithTimeAsync(DeliverAsync(Defaults, pending)));

        Assert.Equal(RequestState.Failed, receipt.Settlement!.State);
        Assert.Equal(2, _client.AttemptsOf(pending));
    }

    [Fact]
    public async Task ManyAttemptsAndALongDelay_OverflowNothing()
    {
        var pending = await DecidedAsync();
        pending.AttemptsMade = 50;

        await DeliverAsync(Defaults with { MaxRetries = 100, RetryDelay = TimeSpan.FromHours(1) }, pending);

        Assert.Equal([3_600], Waits());
    }

    [Fact]
    public async Task UndecidedRequest_IsADefect_AndFailsTheStage()
    {
        var failure = await Assert.ThrowsAnyAsync<Exception>(() => DeliverAsync(Defaults, Sample.Pending()));

        Assert.IsType<InvalidOperationException>(failure.GetBaseException());
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
            TimeSpan.FromSeconds(3)
        );
        using var client = new CallbackClient(
            CallbackHttpHandler.Create(connector, TimeSpan.FromSeconds(3)),
            connector,
            new WebhookSigner(settings.Signing, TimeProvider.System),
            settings.Timeout,
            TimeProvider.System
        );
        using var system = Akka.Actor.ActorSystem.Create("real-time");
        var now = TimeProvider.System.GetUtcNow();
        var pending = Sample.Decided(receiver.Url, acceptedAt: now);
        await Journal.AcceptAsync(pending.Request, idempotency: null, default);
        var parts = new CallbackParts(client, Receivers(settings), Journal, _observer, Resources, TimeProvider.System);

        var receipt = await Source
            .Single(pending)
            .Via(CallbackStage.Create(settings, parts, system.Materializer(), LaneTokens.StoppedBy(_stopping.Token)))
            .RunWith(Sink.First<CallbackReceipt>(), system.Materializer());

        Assert.Equal(RequestState.Failed, receipt.Settlement!.State);
        var at = receiver.Received.Select(received => received.At.TotalSeconds).ToList();
        Assert.Equal(4, at.Count);
        foreach (var (index, wait) in ((double[])[1, 2, 4]).Index())
            // the last for a machine that is short of time
            Assert.InRange(at[index + 1] - at[index], wait - 0.05, (wait * 1.2) + 1.5);
        Assert.Single(receiver.Received.Select(received => received.WebhookId).Distinct());
        await system.Terminate();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public async Task LackOfTheProcessItself_UsesUpNoAttempt_AndDoesNotCountAgainstTheReceiver(int times)
    {
        var settings = Defaults with
        {
            MaxRetries = 0,
            DestinationBreaker = Defaults.DestinationBreaker with { Enabled = true, MaxFailures = 1 },
        };
        _client.Answer = (_, attempt, _) => Task.FromResult(attempt <= times ? Lacking() : ScriptedCallbackClient.Ok());
        var pending = await DecidedAsync();

        var receipt = await WithTimeAsync(DeliverAsync(settings, pending));

        Assert.Equal(RequestState.Delivered, Assert.Single(receipt).Settlement!.State);
        await AssertJournalAsync(pending, RequestState.Delivered, attempts: 1);
        Assert.Equal((times + 1, 0), (_client.AttemptsOf(pending), pending.AttemptsMade));
        Assert.Equal(CallbackOutcome.Success, Assert.Single(_observer.AttemptedEvents).Attempt.Outcome);
        Assert.All(
            Receivers(Defaults).Status(10),
            status => Assert.Equal((BreakerState.Closed, 0), (status.Breaker, status.FailuresInARow))
        );
        Assert.Equal(times, Resources.Status.Failures["files"]);
        Assert.Empty(Waits());
        AssertNothingIsHeld();
    }

    [Fact]
    public async Task LackOfTheProcessItself_LeavesEachFailureItsOwnWait()
    {
        _client.Answer = (_, attempt, _) =>
            Task.FromResult(
                attempt switch
                {
                    1 or 3 => Lacking(),
                    2 or 4 => ScriptedCallbackClient.Busy(),
                    _ => ScriptedCallbackClient.Ok(),
                }
            );
        var pending = await DecidedAsync();

        await WithTimeAsync(DeliverAsync(Defaults, pending));

        await AssertJournalAsync(pending, RequestState.Delivered, attempts: 3);
        Assert.Equal([20, 40], Waits());
    }

    [Fact]
    public async Task LackOfTheProcessItself_LetsTheRequestAge()
    {
        _client.Answer = (_, _, _) => Task.FromResult(Lacking());
        var pending = await DecidedAsync(age: TimeSpan.FromSeconds(30));

        var receipt = await WithTimeAsync(DeliverAsync(Defaults, pending));

        Assert.Equal(RequestState.Expired, Assert.Single(receipt).Settlement!.State);
        await AssertJournalAsync(pending, RequestState.Expired, attempts: 0);
        Assert.InRange(_client.AttemptsOf(pending), 2, 30);
        AssertNothingIsHeld();
    }

    [Fact]
    public async Task LackOfTheProcessItself_EndsWithTheLane()
    {
        _client.Answer = (_, _, _) => Task.FromResult(Lacking());
        var pending = await DecidedAsync();
        var delivery = DeliverAsync(Defaults, pending);
        await Eventually.HoldsAsync(() => Resources.Status.Waiting == 1, "it waits");

        await _stopping.CancelAsync();

        Assert.Null(Assert.Single(await delivery).Settlement);
        AssertNothingIsHeld();
    }

    private static AttemptResult Lacking() =>
        new(Sample.Attempt(CallbackOutcome.NetworkError), IsFinal: false, RetryAfter: null)
        {
            Lacking = LocalResource.Files,
        };

    private async Task<T> WithTimeAsync<T>(Task<T> task)
    {
        await Eventually.HoldsAsync(
            () =>
            {
                if (Resources.Status.Waiting > 0)
                    _time.Advance(ResourceGate.ShortestWait);
                return task.IsCompleted;
            },
            "it is settled"
        );
        return await task;
    }

    protected override void AfterAll()
    {
        base.AfterAll();
        _stopping.Dispose();
        _receivers?.Dispose();
        _resources?.Dispose();
    }

    private List<double> Waits() =>
        [.. ((ImpatientScheduler)Sys.Scheduler).LongDelays.Select(delay => Math.Round(delay.TotalSeconds, 6))];

    // Each test's deliveries share one set of destinations, of the settings that it first names.
    private ReceiverRegister Receivers(CallbackSettings settings) =>
        _receivers ??= new(settings, SettingsLoader.Defaults.Queue, _time);

    private ResourceGate Resources => _resources ??= new(_time);

    private Flow<PendingRequest, CallbackReceipt, Akka.NotUsed> Stage(CallbackSettings settings) =>
        CallbackStage.Create(
            settings,
            new(_client, Receivers(settings), Journal, _observer, Resources, _time),
            Sys.StartedMaterializer(),
            new(_stopping.Token, _leaving.Token)
        );

    private async Task<IReadOnlyList<CallbackReceipt>> DeliverAsync(
        CallbackSettings settings,
        params PendingRequest[] pending
    ) =>
        await Source
            .From(pending)
            .Via(Stage(settings))
            .RunWith(Sink.Seq<CallbackReceipt>(), Sys.Materializer())
            .WaitAsync(Patience);

    private async Task<PendingRequest> DecidedAsync(string url = "http://127.0.0.1:8080/hook", TimeSpan? age = null)
    {
        var pending = Sample.Decided(url, age: age, receivers: Receivers(Defaults));
        await Journal.AcceptAsync(pending.Request, idempotency: null, default);
        await Journal.DecideAsync(pending.Request.Id, pending.Decision!, default);
        return pending;
    }

    // A wait that a receiver asked for is on the fake clock, after RestartFlow's own wait.
    private Task WaitingAsync(PendingRequest pending) =>
        Eventually.HoldsAsync(
            () => _client.AttemptsOf(pending) == 1 && _time.Timers > TimersOfReceivers,
            "the retry waits"
        );

    private void AssertNothingIsHeld() =>
        Assert.All(
            Receivers(Defaults).Status(10),
            status => Assert.Equal((0, 0, 0), (status.InFlight, status.Waiting, status.Retrying))
        );

    private async Task AssertJournalAsync(PendingRequest pending, RequestState state, int attempts)
    {
        var record = await Journal.FindAsync(pending.Request.Id, default);
        Assert.Equal((state, attempts), (record!.State, record.Attempts.Count));
    }
}
