using Akka;
using Akka.Streams;
using Akka.Streams.Dsl;
using Akka.TestKit;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Stages;
using AkkaCharging.Receivers;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Receivers;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Pipeline.Stages;

/// <summary>What becomes of the slots when the stage dies. Its work is tested with the callbacks.</summary>
[Trait("Category", "Component")]
public sealed class ReceiverStageTests : Akka.TestKit.Xunit2.TestKit
{
    private readonly TaskCompletionSource<PendingRequest> _never = new();
    private readonly FakeTimeProvider _time = new(Sample.Now);

    public ReceiverStageTests()
        : base("akka.loglevel = OFF") // a stage that dies is logged
    { }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task DeathWithoutDemand_GivesBackTheSlotsThatWereNotPassedOn(bool isRetry)
    {
        const int Slots = 3;
        using var receivers = Register(Slots);
        var requests = Enumerable.Range(1, Slots).Select(port => Proven(receivers, port)).ToList();
        var stage = isRetry
            ? ReceiverStage.ForRetries(receivers, CancellationToken.None)
            : ReceiverStage.ForAttempts(receivers, _ => false, CancellationToken.None);
        var (intake, graph) = Source
            .Queue<PendingRequest>(Slots, OverflowStrategy.DropNew)
            .Via(stage)
            .ViaMaterialized(KillSwitches.Single<Turn>(), Keep.Both)
            .SelectAsync(1, _ => _never.Task) // takes one turn
            .To(Sink.Ignore<PendingRequest>())
            .Run(OnThisThread());
        foreach (var request in requests)
            await intake.OfferAsync(request);
        var handed = new List<TestTurn>();
        foreach (var request in requests)
        {
            var turn = new TestTurn("", request.Receiver, this, long.MaxValue, isRetry, attempt: 1, handed, []);
            Assert.False(
                isRetry
                    ? receivers.TakeRetryPlaceOrWait(request.Receiver, turn)
                    : receivers.TakeAttemptOrWait(request.Receiver, turn)
            );
        }

        graph.Shutdown();

        // The turn that was passed on keeps its slot.
        await Eventually.HoldsAsync(() => handed.Count == Slots - 1, "the others give theirs back");
    }

    [Fact]
    public async Task DeathBeforeAStartedTurnIsFetched_GivesBackItsSlot()
    {
        using var receivers = Register(slots: 1);
        using var isBusy = new ManualResetEventSlim();
        using var dies = new ManualResetEventSlim();
        var (first, waiting, last) = (Proven(receivers, 1), Proven(receivers, 2), Proven(receivers, 3));
        var passed = new TaskCompletionSource<Turn>();
        var intake = Source
            .Queue<PendingRequest>(8, OverflowStrategy.DropNew)
            .Via(ReceiverStage.ForAttempts(receivers, DiesOfTheLast, CancellationToken.None))
            .SelectAsync(
                1,
                turn =>
                {
                    passed.SetResult(turn);
                    return _never.Task;
                }
            )
            .To(Sink.Ignore<PendingRequest>())
            .Run(Sys.Materializer());
        await intake.OfferAsync(first);
        var running = await passed.Task.WaitAsync(Eventually.Patience);
        await intake.OfferAsync(waiting);
        await intake.OfferAsync(last);
        Assert.True(isBusy.Wait(Eventually.Patience));

        receivers.EndAttempt(first.Receiver, running, attempt: null);
        Assert.Equal(1, receivers.InFlight); // of the waiting request, and the stage is too busy to fetch its turn
        dies.Set();

        await Eventually.HoldsAsync(() => receivers.InFlight == 0, "the slot is free");

        bool DiesOfTheLast(PendingRequest pending)
        {
            if (pending != last)
                return false;
            isBusy.Set();
            dies.Wait(Eventually.Patience);
            throw new InvalidOperationException("scripted");
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Turn_SaysWhetherItIsARetrys_AndHoldsItsSlot(bool isRetry)
    {
        using var receivers = Register(slots: 1);
        var stage = isRetry
            ? ReceiverStage.ForRetries(receivers, CancellationToken.None)
            : ReceiverStage.ForAttempts(receivers, _ => false, CancellationToken.None);

        var turn = await OneAsync(Proven(receivers, 1), stage);

        Assert.Equal((isRetry, true), (turn.IsRetry, turn.HoldsSlot));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task RequestThatNeedsNoSlot_OrWhoseLaneStopped_TakesNone(bool needsNone, bool isStopped)
    {
        using var receivers = Register(slots: 1);
        var stage = ReceiverStage.ForAttempts(receivers, _ => needsNone, new CancellationToken(isStopped));

        var turn = await OneAsync(Proven(receivers, 1), stage);

        Assert.Equal((false, 0), (turn.HoldsSlot, receivers.InFlight));
    }

    [Fact]
    public async Task LaneThatStopsWhileARequestJoinsTheLine_LetsItPassWithoutASlot()
    {
        using var stopping = new CancellationTokenSource();
        var time = new TellingTime();
        using var receivers = Register(slots: 1, time);
        var request = Proven(receivers, 1);
        receivers.Pause(request.Receiver.Key);
        time.OnAsked = stopping.Cancel; // the register asks for the time just before the request joins the line

        var turn = await OneAsync(request, ReceiverStage.ForAttempts(receivers, _ => false, stopping.Token));

        Assert.True(stopping.IsCancellationRequested);
        Assert.Equal((request, false), (turn.Pending, turn.HoldsSlot));
    }

    [Fact]
    public async Task Completion_ComesWithTheLastOneThatWaited_WithoutFurtherDemand()
    {
        using var receivers = Register(slots: 1);
        var (first, second) = (Proven(receivers, 1), Proven(receivers, 2));
        var passed = new List<Turn>();
        var completed = Source
            .From([first, second])
            .Via(ReceiverStage.ForAttempts(receivers, _ => false, CancellationToken.None))
            .WatchTermination(Keep.Right)
            .SelectAsync(
                2,
                turn =>
                {
                    passed.Add(turn);
                    return _never.Task;
                }
            )
            .To(Sink.Ignore<PendingRequest>())
            .Run(OnThisThread());
        await Eventually.HoldsAsync(() => passed.Count == 1, "the first passes, the second waits");
        Assert.False(completed.IsCompleted);

        receivers.EndAttempt(first.Receiver, passed[0], attempt: null);

        await completed.WaitAsync(Eventually.Patience);
        Assert.Equal([first, second], passed.Select(turn => turn.Pending));
    }

    private ReceiverRegister Register(int slots, TimeProvider? time = null) =>
        new(
            SettingsLoader.Defaults.Callback with
            {
                MaxInFlight = slots,
                MaxConcurrentRetries = slots,
            },
            SettingsLoader.Defaults.Queue,
            time ?? _time
        );

    private Task<Turn> OneAsync(PendingRequest request, IGraph<FlowShape<PendingRequest, Turn>, NotUsed> stage) =>
        Source
            .Single(request)
            .Via(stage)
            .RunWith(Sink.First<Turn>(), Sys.Materializer())
            .WaitAsync(Eventually.Patience);

    /// <summary>A request to a receiver that has answered before, so that it may use all slots.</summary>
    private static PendingRequest Proven(ReceiverRegister receivers, int port)
    {
        var request = Sample.Decided($"http://127.0.0.1:{port}/hook", receivers: receivers);
        var turn = new TestTurn("", request.Receiver, receivers, long.MaxValue, isRetry: false, attempt: 1, [], []);
        Assert.True(receivers.TakeAttemptOrWait(request.Receiver, turn));
        receivers.EndAttempt(request.Receiver, turn, Sample.Answered());
        return request;
    }

    /// <summary>Runs streams on the thread that offers, so that an offer has had its effect when it returns.</summary>
    private ActorMaterializer OnThisThread() =>
        Sys.Materializer(ActorMaterializerSettings.Create(Sys).WithDispatcher(CallingThreadDispatcher.Id));

    /// <summary>Time that tells once when it is asked for.</summary>
    private sealed class TellingTime() : FakeTimeProvider(Sample.Now)
    {
        private Action? _onAsked;

        public Action OnAsked
        {
            set => Volatile.Write(ref _onAsked, value);
        }

        public override long GetTimestamp()
        {
            Interlocked.Exchange(ref _onAsked, null)?.Invoke();
            return base.GetTimestamp();
        }
    }
}
