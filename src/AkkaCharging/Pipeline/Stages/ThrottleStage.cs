using Akka;
using Akka.Streams;
using Akka.Streams.Dsl;
using Akka.Streams.Stage;
using AkkaCharging.Settings;

namespace AkkaCharging.Pipeline.Stages;

/// <summary>Limits the rate of elements by a <see cref="TokenBucket"/>.</summary>
/// <remarks>
/// Shape: T to T, one for one, in order; materializes nothing. Elements that <c>isFree</c> selects pass without a
/// token. An element whose latest time arrives while it waits passes then, and the next element gets its token. Once
/// <c>stopping</c> is cancelled, all elements pass, and what they have reserved is given back. Completion: a waiting
/// element is emitted first. Failure and cancellation drop it; the owner offers it again.
/// </remarks>
internal sealed class ThrottleStage<T> : GraphStage<FlowShape<T, T>>
{
    // An element that arrives this soon after the stage's last signal was already waiting; only then is the delay of a
    // late timer compensated.
    private static readonly TimeSpan Continuity = TimeSpan.FromMilliseconds(1);

    private readonly Inlet<T> _in = new("throttle.in");
    private readonly Outlet<T> _out = new("throttle.out");
    private readonly TokenBucket _bucket;
    private readonly Predicate<T> _isFree;
    private readonly Func<T, long> _latest;
    private readonly TimeProvider _time;
    private readonly CancellationToken _stopping;

    /// <param name="latest">Returns the timestamp at which an element passes in any case; <see cref="long.MaxValue"/>
    /// for none.</param>
    public ThrottleStage(
        TokenBucket bucket,
        Predicate<T> isFree,
        Func<T, long> latest,
        TimeProvider time,
        CancellationToken stopping = default
    )
    {
        (_bucket, _isFree, _latest, _time, _stopping) = (bucket, isFree, latest, time, stopping);
        Shape = new FlowShape<T, T>(_in, _out);
    }

    public override FlowShape<T, T> Shape { get; }

    protected override GraphStageLogic CreateLogic(Attributes inheritedAttributes) => new Logic(this);

    private sealed class Logic : InAndOutGraphStageLogic
    {
        private readonly ThrottleStage<T> _stage;
        private readonly double _ticksPerMillisecond;
        private readonly long _continuity;
        private ITimer? _timer;
        private CancellationTokenRegistration _stop;
        private T _waiting = default!;
        private bool _isWaiting;
        private double _dueAt;
        private double? _unused; // the start reserved for an element that did not need it

        // How far a late timer has put this stage behind its schedule. The lag is compensated while elements keep
        // arriving, and dropped at the first pause: without it, every late timer would reduce the rate; if it were
        // kept, a pause would be followed by a burst.
        private double _lag;
        private long _lastSignal;

        public Logic(ThrottleStage<T> stage)
            : base(stage.Shape)
        {
            _stage = stage;
            _ticksPerMillisecond = stage._time.TimestampFrequency / 1000.0;
            _continuity = (long)(Continuity.TotalMilliseconds * _ticksPerMillisecond);
            SetHandler(stage._in, this);
            SetHandler(stage._out, this);
        }

        public override void PreStart()
        {
            var fired = GetAsyncCallback(Fire);
            _timer = _stage._time.CreateTimer(
                _ => fired(),
                state: null,
                Timeout.InfiniteTimeSpan,
                Timeout.InfiniteTimeSpan
            );
            _stop = _stage._stopping.Register(GetAsyncCallback(Release));
        }

        public override void PostStop()
        {
            _stop.Dispose();
            _timer?.Dispose();
            GiveBack();
        }

        public override void OnPush()
        {
            var element = Grab(_stage._in);
            if (_stage._stopping.IsCancellationRequested || _stage._isFree(element))
            {
                Push(_stage._out, element);
                return;
            }

            var now = Signal();
            var dueAt = _unused is { } unused ? Math.Max(unused, now - _lag) : _stage._bucket.Reserve(now - _lag);
            _unused = null;
            // Less than a tick away counts as now, because a sum of intervals may exceed their product by that much.
            if (dueAt < now + 1)
            {
                _lag = Math.Max(0, now - dueAt);
                Push(_stage._out, element);
            }
            else
            {
                (_waiting, _isWaiting, _dueAt, _lag) = (element, true, dueAt, 0);
                if (_stage._bucket.At(_stage._latest(element)) is var latest && latest < dueAt)
                    (_dueAt, _unused) = (latest, dueAt);
                Arm(now);
            }
        }

        public override void OnUpstreamFinish()
        {
            if (!_isWaiting)
                CompleteStage();
        }

        public override void OnPull()
        {
            Signal();
            if (!IsClosed(_stage._in))
                Pull(_stage._in);
        }

        private long Signal()
        {
            var now = _stage._bucket.Now;
            if (now - _lastSignal > _continuity)
                _lag = 0;
            _lastSignal = now;
            return now;
        }

        // At least zero: a deadline may have passed since it was checked, and -1 ms means never.
        private void Arm(long now) =>
            _timer!.Change(
                TimeSpan.FromMilliseconds(Math.Max(0, Math.Ceiling((_dueAt - now) / _ticksPerMillisecond))),
                Timeout.InfiniteTimeSpan
            );

        private void Fire()
        {
            if (!_isWaiting)
                return;
            var now = _stage._bucket.Now;
            if (now < _dueAt)
            {
                Arm(now);
                return;
            }

            _lag = now - _dueAt;
            _lastSignal = now;
            Pass();
        }

        private void Release()
        {
            GiveBack();
            if (_isWaiting)
                Pass();
        }

        private void GiveBack()
        {
            if (_unused is { } unused)
                _stage._bucket.Return(unused);
            else if (_isWaiting)
                _stage._bucket.Return(_dueAt);
            _unused = null;
        }

        private void Pass()
        {
            var element = _waiting;
            (_waiting, _isWaiting) = (default!, false);
            Push(_stage._out, element);
            if (IsClosed(_stage._in))
                CompleteStage();
        }
    }
}

/// <summary>Creates the throttle of a lane.</summary>
internal static class ThrottleStage
{
    /// <param name="latest">Returns the timestamp at which a request is decided without an answer.</param>
    /// <param name="stopping">Cancelled when requests are no longer sent to an authorizer.</param>
    /// <returns>The stage; an empty flow when <c>authorization.throttle.elements</c> is zero.</returns>
    public static Flow<PendingRequest, PendingRequest, NotUsed> Create(
        TokenBucket? bucket,
        Func<PendingRequest, long> latest,
        TimeProvider time,
        CancellationToken stopping = default
    )
    {
        if (bucket is null)
            return Flow.Create<PendingRequest>();
        return Flow.Create<PendingRequest>()
            .Via(new ThrottleStage<PendingRequest>(bucket, IsFree, latest, time, stopping))
            .Named("throttle");

        // A request that is not sent to an authorizer does not use up its rate.
        bool IsFree(PendingRequest pending) =>
            pending.Decision is not null || pending.IsExpired(time) || latest(pending) <= time.GetTimestamp();
    }

    /// <summary>Creates the token bucket; null for an unlimited rate.</summary>
    public static TokenBucket? CreateBucket(ThrottleSettings settings, TimeProvider time) =>
        settings.Elements == 0
            ? null
            : new TokenBucket(settings.Elements / settings.Per.TotalSeconds, settings.Burst, time);
}
