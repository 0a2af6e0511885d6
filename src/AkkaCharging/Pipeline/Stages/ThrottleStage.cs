using Akka;
using Akka.Streams;
using Akka.Streams.Dsl;
using Akka.Streams.Stage;
using AkkaCharging.Settings;

namespace AkkaCharging.Pipeline.Stages;

/// <summary>Lets elements through at the rate of a <see cref="TokenBucket"/>.</summary>
/// <remarks>
/// Shape: T to T, one for one, in order; materializes nothing. Elements that <c>isFree</c> names pass without a token,
/// and an element whose latest time comes while it waits passes then; its token is the next element's. Completion: an
/// element that waits for its time is emitted first. Failure and cancellation drop it; the owner offers it again.
/// </remarks>
internal sealed class ThrottleStage<T> : GraphStage<FlowShape<T, T>>
{
    // What arrives this soon after the stage's last signal was waiting already: only then may a late timer's delay be
    // caught up.
    private static readonly TimeSpan Continuity = TimeSpan.FromMilliseconds(1);

    private readonly Inlet<T> _in = new("throttle.in");
    private readonly Outlet<T> _out = new("throttle.out");
    private readonly TokenBucket _bucket;
    private readonly Predicate<T> _isFree;
    private readonly Func<T, long> _latest;
    private readonly TimeProvider _time;

    /// <param name="latest">The timestamp at which an element passes in any case; <see cref="long.MaxValue"/> for
    /// none.</param>
    public ThrottleStage(TokenBucket bucket, Predicate<T> isFree, Func<T, long> latest, TimeProvider time)
    {
        (_bucket, _isFree, _latest, _time) = (bucket, isFree, latest, time);
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
        private T _waiting = default!;
        private bool _isWaiting;
        private double _dueAt;
        private double? _unused; // the start that was reserved for an element which passed without it

        // How far this stage's own schedule is behind the clock because a timer fired late. It is caught up while
        // elements keep coming, and forgotten at the first pause: without it, every late timer would cost the rate what
        // it overslept; with more, a pause would turn into a burst.
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
        }

        public override void PostStop() => _timer?.Dispose();

        public override void OnPush()
        {
            var element = Grab(_stage._in);
            if (_stage._isFree(element))
            {
                Push(_stage._out, element);
                return;
            }

            var now = Signal();
            var dueAt = _unused is { } unused ? Math.Max(unused, now - _lag) : _stage._bucket.Reserve(now - _lag);
            _unused = null;
            // less than a tick away is now: a sum of intervals may be that much longer than their product
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

        // Not below zero: a deadline may have come since it was looked at, and -1 ms means never.
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
            var element = _waiting;
            (_waiting, _isWaiting) = (default!, false);
            Push(_stage._out, element);
            if (IsClosed(_stage._in))
                CompleteStage();
        }
    }
}

/// <summary>Makes the throttle of a lane.</summary>
internal static class ThrottleStage
{
    /// <param name="latest">When a request is decided without an answer.</param>
    /// <returns>The stage, or nothing at all when <c>authorization.throttle.elements</c> is zero.</returns>
    public static Flow<PendingRequest, PendingRequest, NotUsed> Create(
        TokenBucket? bucket,
        Func<PendingRequest, long> latest,
        TimeProvider time
    )
    {
        if (bucket is null)
            return Flow.Create<PendingRequest>();
        return Flow.Create<PendingRequest>()
            .Via(new ThrottleStage<PendingRequest>(bucket, IsFree, latest, time))
            .Named("throttle");

        // A request that will not be put to an authorizer takes none of its rate.
        bool IsFree(PendingRequest pending) =>
            pending.Decision is not null || pending.IsExpired(time) || latest(pending) <= time.GetTimestamp();
    }

    /// <summary>Null for an unlimited rate.</summary>
    public static TokenBucket? CreateBucket(ThrottleSettings settings, TimeProvider time) =>
        settings.Elements == 0
            ? null
            : new TokenBucket(settings.Elements / settings.Per.TotalSeconds, settings.Burst, time);
}
