using Akka.Actor;
using Akka.Configuration;
using Akka.Dispatch;
using Akka.Event;

namespace AkkaCharging.Pipeline;

/// <summary>Runs Akka's timers on those of the runtime.</summary>
/// <remarks>
/// Akka's own scheduler wakes at each tick, whether or not a timer is due, and with it the runtime's timer thread and
/// one or two of its pool. This one wakes only for timers that are due.
/// </remarks>
internal sealed class TimerScheduler : SchedulerBase, IDisposable
{
    /// <summary>Selects this scheduler in Akka's configuration.</summary>
    public static readonly string Hocon =
        $"akka.scheduler.implementation = \"{typeof(TimerScheduler).FullName}, AkkaCharging\"";

    // The runtime counts whole milliseconds, so a timer may fire up to one too early. A retry must not be early.
    private static readonly TimeSpan Coarseness = TimeSpan.FromMilliseconds(1);

    private readonly TimeProvider _time;
    private readonly long _startedAt;
    private volatile bool _isDisposed;

    /// <summary>Called by Akka, which finds the class by its name.</summary>
    public TimerScheduler(Config config, ILoggingAdapter log)
        : this(config, log, TimeProvider.System) { }

    public TimerScheduler(Config config, ILoggingAdapter log, TimeProvider time)
        : base(config, log) => (_time, _startedAt) = (time, time.GetTimestamp());

    /// <inheritdoc/>
    public override TimeSpan MonotonicClock => _time.GetElapsedTime(_startedAt);

    /// <inheritdoc/>
    public override TimeSpan HighResMonotonicClock => MonotonicClock;

    /// <inheritdoc/>
    protected override DateTimeOffset TimeNow => _time.GetUtcNow();

    /// <summary>Stops all timers; Akka calls it when its system terminates.</summary>
    public void Dispose() => _isDisposed = true;

    /// <inheritdoc/>
    protected override void InternalScheduleTellOnce(
        TimeSpan delay,
        ICanTell receiver,
        object message,
        IActorRef sender,
        ICancelable cancelable
    ) => Schedule(delay, interval: null, () => receiver.Tell(message, sender), cancelable);

    /// <inheritdoc/>
    protected override void InternalScheduleTellRepeatedly(
        TimeSpan initialDelay,
        TimeSpan interval,
        ICanTell receiver,
        object message,
        IActorRef sender,
        ICancelable cancelable
    ) => Schedule(initialDelay, interval, () => receiver.Tell(message, sender), cancelable);

    /// <inheritdoc/>
    protected override void InternalScheduleOnce(TimeSpan delay, Action action, ICancelable cancelable) =>
        Schedule(delay, interval: null, action, cancelable);

    /// <inheritdoc/>
    protected override void InternalScheduleOnce(TimeSpan delay, IRunnable action, ICancelable cancelable) =>
        Schedule(delay, interval: null, action.Run, cancelable);

    /// <inheritdoc/>
    protected override void InternalScheduleRepeatedly(
        TimeSpan initialDelay,
        TimeSpan interval,
        Action action,
        ICancelable cancelable
    ) => Schedule(initialDelay, interval, action, cancelable);

    /// <inheritdoc/>
    protected override void InternalScheduleRepeatedly(
        TimeSpan initialDelay,
        TimeSpan interval,
        IRunnable action,
        ICancelable cancelable
    ) => Schedule(initialDelay, interval, action.Run, cancelable);

    private void Schedule(TimeSpan delay, TimeSpan? interval, Action action, ICancelable? cancelable)
    {
        if (_isDisposed || cancelable is { IsCancellationRequested: true })
            return;
        new Timer(this, interval, action).Start(delay, cancelable?.Token ?? CancellationToken.None);
    }

    /// <summary>A scheduled action. The runtime keeps it alive while it is due.</summary>
    private sealed class Timer(TimerScheduler scheduler, TimeSpan? interval, Action action)
    {
        private readonly Lock _gate = new();
        private ITimer? _timer;
        private CancellationTokenRegistration _cancellation;
        private bool _isOver;

        public void Start(TimeSpan delay, CancellationToken cancelled)
        {
            lock (_gate)
            {
                // What is traced when a timer is set must not seem to be so when it fires.
                using (
                    ExecutionContext.IsFlowSuppressed() ? default(AsyncFlowControl?) : ExecutionContext.SuppressFlow()
                )
                {
                    _timer = scheduler._time.CreateTimer(
                        static timer => ((Timer)timer!).Fire(),
                        this,
                        delay + Coarseness,
                        Timeout.InfiniteTimeSpan
                    );
                }
            }

            // Outside of the lock, because an action that is already cancelled ends at once.
            var cancellation = cancelled.UnsafeRegister(static timer => ((Timer)timer!).End(), this);
            lock (_gate)
            {
                if (!_isOver)
                    _cancellation = cancellation;
            }
        }

        private void Fire()
        {
            lock (_gate)
            {
                if (_isOver)
                    return;
            }

            if (!scheduler._isDisposed)
                Run();
            if (interval is not { } again || scheduler._isDisposed)
            {
                End();
                return;
            }

            lock (_gate)
            {
                if (!_isOver)
                    _timer!.Change(again + Coarseness, Timeout.InfiniteTimeSpan);
            }
        }

        private void Run()
        {
            try
            {
                action();
            }
#pragma warning disable CA1031 // The timer's outermost handler, as in Akka's own scheduler.
            catch (Exception e)
#pragma warning restore CA1031
            {
                scheduler.Log.Error(e, "A scheduled action failed");
            }
        }

        private void End()
        {
            CancellationTokenRegistration cancellation;
            lock (_gate)
            {
                if (_isOver)
                    return;
                _isOver = true;
                _timer!.Dispose();
                cancellation = _cancellation;
            }

            cancellation.Unregister();
        }
    }
}
