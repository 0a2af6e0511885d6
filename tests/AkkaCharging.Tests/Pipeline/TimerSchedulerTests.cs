using System.Runtime.CompilerServices;
using Akka.Actor;
using Akka.Configuration;
using Akka.Event;
using AkkaCharging.Pipeline;

namespace AkkaCharging.Tests.Pipeline;

public sealed class TimerSchedulerTests : IDisposable
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Coarseness = TimeSpan.FromMilliseconds(1);

    private readonly SteppingTime _time = new();
    private readonly RecordingAdapter _log = new();
    private readonly TimerScheduler _scheduler;
    private readonly IActionScheduler _actions;
    private int _runs;

    public TimerSchedulerTests() => _actions = _scheduler = new(ConfigurationFactory.Empty, _log, _time);

    public void Dispose() => _scheduler.Dispose();

    [Fact]
    public void Once_RunsAfterItsDelay_NeverBefore_AndOnlyOnce()
    {
        _actions.ScheduleOnce(Second, () => _runs++);

        _time.Advance(Second);
        Assert.Equal(0, _runs);
        _time.Advance(Coarseness);
        Assert.Equal(1, _runs);
        _time.Advance(10 * Second);
        Assert.Equal(1, _runs);
        Assert.Equal((1, 1), (_time.Timers, _time.Disposed));
    }

    [Fact]
    public void Repeatedly_RunsAfterItsInterval_NeverBefore()
    {
        _actions.ScheduleRepeatedly(Second, 2 * Second, () => _runs++);

        for (var run = 1; run <= 3; run++)
        {
            _time.Advance(run == 1 ? Second : 2 * Second);
            Assert.Equal(run - 1, _runs);
            _time.Advance(Coarseness);
            Assert.Equal(run, _runs);
        }
    }

    [Fact]
    public void RunThatFails_IsLogged()
    {
        var failure = new InvalidOperationException("planted");
        _actions.ScheduleOnce(Second, () => throw failure);

        _time.Advance(Second + Coarseness);

        Assert.Equal<(LogLevel, Exception?)>((LogLevel.ErrorLevel, failure), Assert.Single(_log.Lines));
    }

    [Fact]
    public void Repeatedly_RunsAfterEachInterval_AlsoWhenARunFails()
    {
        _actions.ScheduleRepeatedly(
            Second,
            2 * Second,
            () =>
            {
                _runs++;
                throw new InvalidOperationException("planted");
            }
        );

        _time.Advance(Second + Coarseness);
        Assert.Equal(1, _runs);
        _time.Advance((2 * Second) + Coarseness);
        _time.Advance((2 * Second) + Coarseness);
        Assert.Equal(3, _runs);
    }

    [Fact]
    public void Cancelled_RunsNoMore()
    {
        using var before = new Cancelable(_actions);
        using var during = new Cancelable(_actions);
        using var already = new Cancelable(_actions);
        already.Cancel();
        _actions.ScheduleOnce(Second, () => _runs++, before);
        _actions.ScheduleOnce(Second, () => _runs++, already);
        _actions.ScheduleRepeatedly(
            Second,
            Second,
            () =>
            {
                _runs++;
                during.Cancel();
            },
            during
        );

        before.Cancel();
        _time.Advance(10 * Second);

        Assert.Equal(1, _runs);
        Assert.Equal((2, 2), (_time.Timers, _time.Disposed)); // none for what was already cancelled
    }

    [Fact]
    public void OnceThatCancelsItself_EndsOnce()
    {
        using var cancelable = new Cancelable(_actions);
        _actions.ScheduleOnce(
            Second,
            () =>
            {
                _runs++;
                cancelable.Cancel();
            },
            cancelable
        );

        _time.Advance(Second + Coarseness);

        Assert.Equal((1, 1), (_runs, _time.Disposed));
    }

    [Fact]
    public void RepeatedlyThatCancelsItself_IsNotSetAgain()
    {
        using var cancelable = new Cancelable(_actions);
        _actions.ScheduleRepeatedly(Second, Second, cancelable.Cancel, cancelable);

        _time.Advance(Second + Coarseness);

        Assert.Equal((0, 1), (_time.Armed, _time.Disposed));
    }

    /// <summary>The runtime's timer may come due while it is disposed.</summary>
    [Fact]
    public void TimerThatComesDueAsItIsCancelled_RunsNothing()
    {
        var time = new DeafTime();
        using var scheduler = new TimerScheduler(ConfigurationFactory.Empty, _log, time);
        using var cancelable = new Cancelable((IActionScheduler)scheduler);
        ((IActionScheduler)scheduler).ScheduleOnce(Second, () => _runs++, cancelable);

        cancelable.Cancel();
        time.Fire();

        Assert.Equal(0, _runs);
    }

    /// <summary>Actors keep one cancelable for years.</summary>
    [Fact]
    public void CancelableThatIsKept_KeepsNoActionThatIsOver()
    {
        using var cancelable = new Cancelable(_actions);
        var action = Schedule(_actions, cancelable);

        _time.Advance(Second + Coarseness);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();

        Assert.False(action.IsAlive);
        Assert.False(cancelable.IsCancellationRequested);

        // Not inlined, so that no local of the test keeps it.
        [MethodImpl(MethodImplOptions.NoInlining)]
        static WeakReference Schedule(IActionScheduler actions, ICancelable cancelable)
        {
            var target = new object();
            actions.ScheduleOnce(Second, () => GC.KeepAlive(target), cancelable);
            return new WeakReference(target);
        }
    }

    [Fact]
    public void Disposed_RunsNoMore()
    {
        _actions.ScheduleOnce(Second, () => _runs++);

        _scheduler.Dispose();
        _actions.ScheduleOnce(Second, () => _runs++);
        _time.Advance(10 * Second);

        Assert.Equal(0, _runs);
        Assert.Equal(1, _time.Timers); // none for what came after
    }

    [Fact]
    public async Task System_ThatIsConfiguredWithIt_TellsItsActors()
    {
        using var system = ActorSystem.Create("timers", TimerScheduler.Hocon);
        using var inbox = Inbox.Create(system);

        system.Scheduler.ScheduleTellOnce(TimeSpan.FromMilliseconds(1), inbox.Receiver, "once", ActorRefs.NoSender);

        Assert.Equal("once", await inbox.ReceiveAsync(TimeSpan.FromSeconds(10)));
        Assert.IsType<TimerScheduler>(system.Scheduler);
        await system.Terminate();
    }

    [Fact]
    public void TraceOfWhoSetsATimer_IsNotThatOfTheTimer()
    {
        var current = new AsyncLocal<string> { Value = "who sets it" };
        var seen = "nothing";
        using var ran = new ManualResetEventSlim();
        using var scheduler = new TimerScheduler(ConfigurationFactory.Empty, NoLogger.Instance);

        ((IActionScheduler)scheduler).ScheduleOnce(
            TimeSpan.Zero,
            () =>
            {
                seen = current.Value ?? "";
                ran.Set();
            }
        );

        Assert.True(ran.Wait(TimeSpan.FromSeconds(10)));
        Assert.Equal("", seen);
    }

    private sealed class RecordingAdapter() : LoggingAdapterBase(DefaultLogMessageFormatter.Instance)
    {
        public List<(LogLevel Level, Exception? Cause)> Lines { get; } = [];

        public override bool IsDebugEnabled => true;

        public override bool IsInfoEnabled => true;

        public override bool IsWarningEnabled => true;

        public override bool IsErrorEnabled => true;

        protected override void NotifyLog(LogLevel logLevel, object message, Exception? cause = null) =>
            Lines.Add((logLevel, cause));
    }

    /// <summary>Time with one timer, which comes due when the test says so, even after it was disposed.</summary>
    private sealed class DeafTime : TimeProvider
    {
        public Action Fire { get; private set; } = () => { };

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Fire = () => callback(state);
            return new DeafTimer();
        }

        private sealed class DeafTimer : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => false;

            public void Dispose() { }

            public ValueTask DisposeAsync() => default;
        }
    }
}
