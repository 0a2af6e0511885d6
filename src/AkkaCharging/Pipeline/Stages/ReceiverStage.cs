using System.Collections.Concurrent;
using Akka;
using Akka.Streams;
using Akka.Streams.Dsl;
using Akka.Streams.Stage;
using AkkaCharging.Receivers;

namespace AkkaCharging.Pipeline.Stages;

/// <summary>
/// Holds each request until its receiver has a slot for it; requests to other receivers may overtake it.
/// </summary>
/// <remarks>
/// Shape: PendingRequest to Turn, one for one; materializes nothing. It takes in all elements, whose number admission
/// limits. Completion: waiting elements are emitted first. When the lane stops, they are emitted at once without slots.
/// A slot that was not passed on is released.
/// </remarks>
internal sealed class ReceiverStage : GraphStage<FlowShape<PendingRequest, Turn>>
{
    private readonly Inlet<PendingRequest> _in = new("receivers.in");
    private readonly Outlet<Turn> _out = new("receivers.out");
    private readonly ReceiverRegister _receivers;
    private readonly SlotKind _kind;
    private readonly Predicate<PendingRequest> _needsNone;
    private readonly CancellationToken _stopping;

    private ReceiverStage(
        ReceiverRegister receivers,
        SlotKind kind,
        Predicate<PendingRequest> needsNone,
        CancellationToken stopping
    )
    {
        (_receivers, _kind, _needsNone, _stopping) = (receivers, kind, needsNone, stopping);
        Shape = new FlowShape<PendingRequest, Turn>(_in, _out);
    }

    private enum SlotKind
    {
        Attempt,
        Retry,
    }

    public override FlowShape<PendingRequest, Turn> Shape { get; }

    /// <summary>Creates a stage that waits for slots of first attempts.</summary>
    /// <param name="needsNone">Selects requests that pass without a slot.</param>
    public static Flow<PendingRequest, Turn, NotUsed> ForAttempts(
        ReceiverRegister receivers,
        Predicate<PendingRequest> needsNone,
        CancellationToken stopping
    ) =>
        Flow.Create<PendingRequest>()
            .Via(new ReceiverStage(receivers, SlotKind.Attempt, needsNone, stopping))
            .Named("receivers");

    /// <summary>Creates a stage that waits for places in the retry lane.</summary>
    public static Flow<PendingRequest, Turn, NotUsed> ForRetries(
        ReceiverRegister receivers,
        CancellationToken stopping
    ) =>
        Flow.Create<PendingRequest>()
            .Via(new ReceiverStage(receivers, SlotKind.Retry, needsNone: _ => false, stopping))
            .Named("waiting-retries");

    protected override GraphStageLogic CreateLogic(Attributes inheritedAttributes) => new Logic(this);

    private sealed class Logic : InAndOutGraphStageLogic, ITurnTaker
    {
        private readonly ReceiverStage _stage;
        private readonly ConcurrentQueue<Turn> _handedOver = new();
        private readonly Queue<Turn> _ready = new();
        private CancellationTokenRegistration _stop;
        private Action _fetch = null!;
        private int _isFetching;
        private volatile bool _isGone;
        private int _waiting;

        public Logic(ReceiverStage stage)
            : base(stage.Shape)
        {
            _stage = stage;
            SetHandler(stage._in, this);
            SetHandler(stage._out, this);
        }

        public bool IsGone => _isGone;

        public bool TryTake(Turn turn)
        {
            if (_isGone)
                return false;
            _handedOver.Enqueue(turn);
            if (Interlocked.Exchange(ref _isFetching, 1) == 0)
                _fetch();
            return true;
        }

        public override void PreStart()
        {
            _fetch = GetAsyncCallback(Fetch);
            _stop = _stage._stopping.Register(() => _stage._receivers.Release(this));
            Pull(_stage._in);
        }

        public override void OnPush()
        {
            var pending = Grab(_stage._in);
            var turn = new Turn(pending, isRetry: _stage._kind == SlotKind.Retry, this);
            if (_stage._needsNone(pending) || _stage._stopping.IsCancellationRequested)
                Emit(turn);
            else if (TakeOrWait(turn))
                Emit(turn.Started());
            else
                Wait();
            Pull(_stage._in);
        }

        public override void OnPull()
        {
            if (_ready.TryDequeue(out var turn))
                Push(_stage._out, turn);
            CompleteWhenDone();
        }

        public override void OnUpstreamFinish() => CompleteWhenDone();

        public override void PostStop()
        {
            _stop.Dispose();
            _isGone = true;
            _stage._receivers.Release(this); // takes the lock, so no turn is handed over after it returns
            foreach (var turn in _handedOver.Concat(_ready).Where(turn => turn.HoldsSlot))
                GiveBack(turn);
        }

        private bool TakeOrWait(Turn turn) =>
            _stage._kind == SlotKind.Attempt
                ? _stage._receivers.TakeAttemptOrWait(turn.Pending.Receiver, turn)
                : _stage._receivers.TakeRetryPlaceOrWait(turn.Pending.Receiver, turn);

        private void Wait()
        {
            _waiting++;
            // The stop came between the first check and the wait, so its release missed this turn.
            if (_stage._stopping.IsCancellationRequested)
                _stage._receivers.Release(this);
        }

        private void GiveBack(Turn turn)
        {
            if (_stage._kind == SlotKind.Attempt)
                _stage._receivers.EndAttempt(turn.Pending.Receiver, turn, attempt: null);
            else
                _stage._receivers.EndRetry(turn.Pending.Receiver);
        }

        private void Fetch()
        {
            Volatile.Write(ref _isFetching, 0);
            while (_handedOver.TryDequeue(out var turn))
            {
                _waiting--;
                Emit(turn);
            }

            CompleteWhenDone();
        }

        private void Emit(Turn turn)
        {
            if (_ready.Count == 0 && IsAvailable(_stage._out))
                Push(_stage._out, turn);
            else
                _ready.Enqueue(turn);
        }

        private void CompleteWhenDone()
        {
            if (IsClosed(_stage._in) && _waiting == 0 && _ready.Count == 0)
                CompleteStage();
        }
    }
}
