using System.Collections.Concurrent;
using Akka;
using Akka.Streams;
using Akka.Streams.Dsl;
using Akka.Streams.Stage;
using AkkaCharging.Receivers;

namespace AkkaCharging.Pipeline.Stages;

/// <summary>A request whose turn it is.</summary>
/// <param name="HoldsSlot">False for one that needs none, expired while it waited, or was interrupted by the lane's
/// stop.</param>
internal readonly record struct Turn(PendingRequest Pending, bool HoldsSlot);

/// <summary>
/// Holds each request until its destination has a slot for it; requests to other destinations pass it by.
/// </summary>
/// <remarks>
/// Shape: PendingRequest to Turn, one for one; materializes nothing. It takes in all that it is given: admission bounds
/// how much that is. Completion: what waits is emitted first. When the lane stops, it is emitted at once without slots.
/// A slot that was not passed on is given back.
/// </remarks>
internal sealed class DestinationStage : GraphStage<FlowShape<PendingRequest, Turn>>
{
    private readonly Inlet<PendingRequest> _in = new("destinations.in");
    private readonly Outlet<Turn> _out = new("destinations.out");
    private readonly Destinations _destinations;
    private readonly SlotKind _kind;
    private readonly Predicate<PendingRequest> _needsNone;
    private readonly CancellationToken _stopping;

    private DestinationStage(
        Destinations destinations,
        SlotKind kind,
        Predicate<PendingRequest> needsNone,
        CancellationToken stopping
    )
    {
        (_destinations, _kind, _needsNone, _stopping) = (destinations, kind, needsNone, stopping);
        Shape = new FlowShape<PendingRequest, Turn>(_in, _out);
    }

    private enum SlotKind
    {
        Attempt,
        Retry,
    }

    public override FlowShape<PendingRequest, Turn> Shape { get; }

    /// <summary>Waits for a first attempt.</summary>
    /// <param name="needsNone">Names those that pass without a slot.</param>
    public static Flow<PendingRequest, Turn, NotUsed> ForAttempts(
        Destinations destinations,
        Predicate<PendingRequest> needsNone,
        CancellationToken stopping
    ) =>
        Flow.Create<PendingRequest>()
            .Via(new DestinationStage(destinations, SlotKind.Attempt, needsNone, stopping))
            .Named("destinations");

    /// <summary>Waits for a place in the retry lane.</summary>
    public static Flow<PendingRequest, Turn, NotUsed> ForRetries(
        Destinations destinations,
        CancellationToken stopping
    ) =>
        Flow.Create<PendingRequest>()
            .Via(new DestinationStage(destinations, SlotKind.Retry, needsNone: _ => false, stopping))
            .Named("waiting-retries");

    protected override GraphStageLogic CreateLogic(Attributes inheritedAttributes) => new Logic(this);

    private sealed class Logic : InAndOutGraphStageLogic, ISlotTaker
    {
        private readonly DestinationStage _stage;
        private readonly ConcurrentQueue<Turn> _handedOver = new();
        private readonly Queue<Turn> _ready = new();
        private CancellationTokenRegistration _stop;
        private Action _fetch = null!;
        private int _isFetching;
        private bool _isGone; // under the lock of Destinations, under which TryTake is called
        private int _waiting;

        public Logic(DestinationStage stage)
            : base(stage.Shape)
        {
            _stage = stage;
            SetHandler(stage._in, this);
            SetHandler(stage._out, this);
        }

        public bool IsGone => _isGone;

        public bool TryTake(IWaitingDelivery delivery, bool holdsSlot)
        {
            if (_isGone)
                return false;
            _handedOver.Enqueue(new((PendingRequest)delivery, holdsSlot)); // what this stage let wait itself
            if (Interlocked.Exchange(ref _isFetching, 1) == 0)
                _fetch();
            return true;
        }

        public override void PreStart()
        {
            _fetch = GetAsyncCallback(Fetch);
            var stop = GetAsyncCallback(StopWaiting);
            _stop = _stage._stopping.Register(stop);
            Pull(_stage._in);
        }

        public override void OnPush()
        {
            var pending = Grab(_stage._in);
            if (_stage._needsNone(pending) || _stage._stopping.IsCancellationRequested)
                Emit(new(pending, HoldsSlot: false));
            else if (TakeOrWait(pending))
                Emit(new(pending, HoldsSlot: true));
            else
                _waiting++;
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
            lock (_stage._destinations.Gate)
                _isGone = true;
            _stage._destinations.Withdraw(this);
            foreach (var turn in _handedOver.Concat(_ready).Where(turn => turn.HoldsSlot))
                GiveBack(turn.Pending);
        }

        private bool TakeOrWait(PendingRequest pending) =>
            _stage._kind == SlotKind.Attempt
                ? pending.Destination.TakeAttemptOrWait(pending, this, isRetry: false)
                : pending.Destination.TakeRetryOrWait(pending, this);

        private void GiveBack(PendingRequest pending)
        {
            if (_stage._kind == SlotKind.Attempt)
                pending.Destination.EndAttempt(pending, attempt: null);
            else
                pending.Destination.EndRetry();
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

        private void StopWaiting()
        {
            foreach (var pending in _stage._destinations.Withdraw(this).Cast<PendingRequest>())
            {
                _waiting--;
                Emit(new(pending, HoldsSlot: false));
            }

            Fetch();
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
