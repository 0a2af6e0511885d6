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

namespace AkkaCharging.Tests.Pipeline.Stages;

/// <summary>
/// The stage and its deliveries, against a scripted receiver. Waits of 20 s and more are noted and cut to a thousandth.
/// </summary>
public abstract class CallbackStageTest : Akka.TestKit.Xunit2.TestKit
{
    private protected static readonly TimeSpan Patience = Eventually.Patience;

    private protected static readonly CallbackSettings Defaults = SettingsLoader.Defaults.Callback with
    {
        RetryDelay = TimeSpan.FromSeconds(20),
        MaxRetryDelay = TimeSpan.FromHours(1),
        Jitter = 0,
        DestinationBreaker = SettingsLoader.Defaults.Callback.DestinationBreaker with { Enabled = false },
    };

    private protected const int TimersOfReceivers = 1; // of their register
    private protected readonly SteppingTime Time = new();
    private protected readonly ScriptedCallbackClient Client = new();
    private protected readonly RecordingObserver Observer = new();
    private protected readonly CancellationTokenSource Stopping = new();
    private protected readonly CancellationTokenSource Leaving;
    private BreakableJournal? _journal;
    private ReceiverRegister? _receivers;
    private ResourceGate? _resources;

    protected CallbackStageTest()
        // without a line for each restart
        : base(ImpatientScheduler.Hocon + "\nakka.loglevel = ERROR") =>
        Leaving = CancellationTokenSource.CreateLinkedTokenSource(Stopping.Token);

    private protected BreakableJournal Journal =>
        _journal ??= new(new MemoryJournal(SettingsLoader.Defaults.Journal, Time));

    private protected static AttemptResult Lacking() =>
        new(Sample.Attempt(CallbackOutcome.NetworkError), IsFinal: false, RetryAfter: null)
        {
            Lacking = LocalResource.Files,
        };

    private protected async Task<T> WithTimeAsync<T>(Task<T> task)
    {
        await Eventually.HoldsAsync(
            () =>
            {
                if (Resources.Status.Waiting > 0)
                    Time.Advance(ResourceGate.ShortestWait);
                return task.IsCompleted;
            },
            "it is settled"
        );
        return await task;
    }

    protected override void AfterAll()
    {
        base.AfterAll();
        Stopping.Dispose();
        _receivers?.Dispose();
        _resources?.Dispose();
    }

    private protected List<double> Waits() =>
        [.. ((ImpatientScheduler)Sys.Scheduler).LongDelays.Select(delay => Math.Round(delay.TotalSeconds, 6))];

    // Each test's deliveries share one set of destinations, of the settings that it first names.
    private protected ReceiverRegister Receivers(CallbackSettings settings) =>
        _receivers ??= new(settings, SettingsLoader.Defaults.Queue, Time);

    private protected ResourceGate Resources => _resources ??= new(Time);

    private protected Flow<PendingRequest, CallbackReceipt, Akka.NotUsed> Stage(CallbackSettings settings) =>
        CallbackStage.Create(
            settings,
            new(Client, Receivers(settings), Journal, Observer, Resources, Time),
            Sys.StartedMaterializer(),
            new(Stopping.Token, Leaving.Token)
        );

    private protected async Task<IReadOnlyList<CallbackReceipt>> DeliverAsync(
        CallbackSettings settings,
        params PendingRequest[] pending
    ) =>
        await Source
            .From(pending)
            .Via(Stage(settings))
            .RunWith(Sink.Seq<CallbackReceipt>(), Sys.Materializer())
            .WaitAsync(Patience);

    private protected async Task<PendingRequest> DecidedAsync(
        string url = "http://127.0.0.1:8080/hook",
        TimeSpan? age = null
    )
    {
        var pending = Sample.Decided(url, age: age, receivers: Receivers(Defaults));
        await Journal.AcceptAsync(pending.Request, idempotency: null, default);
        await Journal.DecideAsync(pending.Request.Id, pending.Decision!, default);
        return pending;
    }

    // A wait that a receiver asked for is on the fake clock, after RestartFlow's own wait.
    private protected Task WaitingAsync(PendingRequest pending) =>
        Eventually.HoldsAsync(
            () => Client.AttemptsOf(pending) == 1 && Time.Timers > TimersOfReceivers,
            "the retry waits"
        );

    private protected void AssertNothingIsHeld() =>
        Assert.All(
            Receivers(Defaults).Status(10),
            status => Assert.Equal((0, 0, 0), (status.InFlight, status.Waiting, status.Retrying))
        );

    private protected async Task AssertJournalAsync(PendingRequest pending, RequestState state, int attempts)
    {
        var record = await Journal.FindAsync(pending.Request.Id, default);
        Assert.Equal((state, attempts), (record!.State, record.Attempts.Count));
    }
}
