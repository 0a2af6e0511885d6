using Akka.Actor;
using Akka.Configuration;
using Akka.Event;
using AkkaCharging.Pipeline;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Pipeline;

public sealed class TimerSchedulerTests : IDisposable
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Coarseness = TimeSpan.FromMilliseconds(1);

    private readonly FakeTimeProvider _time = new();
    private readonly TimerScheduler _scheduler;
    private readonly IActionScheduler _actions;
    private int _runs;

    public TimerSchedulerTests() => _actions = _scheduler = new(ConfigurationFactory.Empty, NoLogger.Instance, _time);

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
    }

    [Fact]
    public void Disposed_RunsNoMore()
    {
        _actions.ScheduleOnce(Second, () => _runs++);

        _scheduler.Dispose();
        _actions.ScheduleOnce(Second, () => _runs++);
        _time.Advance(10 * Second);

        Assert.Equal(0, _runs);
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
}
