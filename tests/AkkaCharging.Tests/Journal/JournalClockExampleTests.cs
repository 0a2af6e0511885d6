using AkkaCharging.Journal;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

/// <summary>
/// Exact results of a clock within one process, on both sides of each boundary. The laws are in
/// <see cref="JournalClockTests"/>, the list between two processes in <see cref="JournalClockListTests"/>.
/// </summary>
[Trait("Category", "Unit")]
public sealed class JournalClockExampleTests
{
    private static readonly TimeSpan Tick = TimeSpan.FromTicks(1);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly ClockPoint Start = new(TimeSpan.Zero, TimeSpan.Zero);

    private readonly SteppingTime _time = new();
    private readonly JournalClock _clock;

    public JournalClockExampleTests() => _clock = new(_time, Day);

    [Theory]
    [InlineData(TimeSpan.TicksPerSecond, false)]
    [InlineData(TimeSpan.TicksPerSecond + 1, true)]
    [InlineData(-TimeSpan.TicksPerSecond, false)]
    [InlineData(-TimeSpan.TicksPerSecond - 1, true)]
    [InlineData(-2 * TimeSpan.TicksPerMinute, true)] // by twice the time that had elapsed
    public void StepOfMoreThanASecond_BeginsASegment(long ticks, bool begins)
    {
        var step = TimeSpan.FromTicks(ticks);

        SetClock(after: Minute, step);
        _time.Advance(Minute);

        ClockPoint[] expected = begins ? [Start, new(Minute, Minute + step)] : [Start];
        Assert.Equal(expected, StoredClock.Of(_clock).Segments);
    }

    [Fact]
    public void EachCall_ChecksTheClockFirst()
    {
        Action<JournalClock>[] calls =
        [
            clock => clock.Observe(),
            clock => clock.Observe(Sample.Now),
            clock => clock.Horizon(Day),
            clock => clock.NowFor(Sample.Now),
            clock => clock.IsSaveDue(),
            clock => clock.Save(() => null),
        ];

        Assert.All(
            calls,
            call =>
            {
                var time = new SteppingTime();
                var clock = new JournalClock(time, Day);
                time.Advance(Minute);
                time.Step = -Hour;
                call(clock);
                time.Advance(Minute);

                Assert.Equal([Start, new(Minute, Minute - Hour)], StoredClock.Of(clock).Segments);
            }
        );
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(-TimeSpan.TicksPerSecond, false)]
    [InlineData(-TimeSpan.TicksPerSecond - 1, true)]
    public void ReadingOfAnotherNode_Counts_WhenItIsMoreThanASecondBehind(long ticks, bool counts)
    {
        var behind = TimeSpan.FromTicks(ticks);
        _time.Advance(Minute);

        _clock.Observe(_time.GetUtcNow() + behind);
        _time.Advance(Minute);

        ClockPoint[] expected = counts ? [Start, new(Minute, Minute + behind), new(Minute, Minute)] : [Start];
        Assert.Equal(expected, StoredClock.Of(_clock).Segments);
    }

    [Fact]
    public void LowestReadingOfOnesOwn_IsTakenOnce()
    {
        Assert.Equal(Sample.Now, _clock.TakeLow());
        Assert.Null(_clock.TakeLow());

        SetClock(after: Minute, -Hour);
        SetClock(after: Minute, Hour);
        _clock.Observe(_time.GetUtcNow() - Day);

        Assert.Equal(Sample.Now + Minute - Hour, _clock.TakeLow());
        Assert.Null(_clock.TakeLow());
    }

    [Fact]
    public void Horizon_IsKnown_OnceTheSpanHasElapsed()
    {
        _time.Advance(Day - Tick);
        Assert.Equal(DateTimeOffset.MinValue, _clock.Horizon(Day));
        Assert.Equal(DateTimeOffset.MinValue + Day, _clock.NowForClaims);

        _time.Advance(Tick);
        Assert.Equal(Sample.Now, _clock.Horizon(Day));
        Assert.Equal(Sample.Now + Day, _clock.NowForClaims);
    }

    [Fact]
    public void Horizon_IsTheLowerOfSegmentAndPresentReading_WithinTheTolerance()
    {
        _time.Advance(2 * Day);

        _time.Step = -Second;
        Assert.Equal(Sample.Now + Day - Second, _clock.Horizon(Day));

        _time.Step = Second;
        Assert.Equal(Sample.Now + Day, _clock.Horizon(Day));
    }

    [Fact]
    public void SegmentThatEndedBeforeTheSpan_DoesNotHoldTheHorizon()
    {
        SetClock(after: 2 * Day, 30 * Day);

        _time.Advance(Day);
        Assert.Equal(Sample.Now + (2 * Day), _clock.Horizon(Day));
        _time.Advance(Tick);
        Assert.Equal(Sample.Now + (32 * Day) + Tick, _clock.Horizon(Day));

        // The reading is a second above the segment: the segment alone decides.
        _time.Advance(Hour);
        _time.Step += Second;
        Assert.Equal(Sample.Now + (32 * Day) + Hour + Tick, _clock.Horizon(Day));
    }

    [Fact]
    public void StartOfASegmentInTheSpan_HoldsTheHorizon_ASecondBelowItsReading()
    {
        SetClock(after: 2 * Day, -Day);
        SetClock(after: Minute, TimeSpan.Zero);
        _time.Advance(Minute);

        Assert.Equal(Sample.Now + Day - Second, _clock.Horizon(Day));
    }

    [Fact]
    public void Horizon_IsNeverBeforeTheFirstTimeThereIs()
    {
        _time.Advance(2 * Day);

        _clock.Observe(DateTimeOffset.MinValue + Second + Tick);
        Assert.Equal(DateTimeOffset.MinValue + Tick, _clock.Horizon(Day));

        _clock.Observe(DateTimeOffset.MinValue);
        Assert.Equal(DateTimeOffset.MinValue, _clock.Horizon(Day));
    }

    /// <param name="remembered">In hours: the retention time of rows, or of idempotency keys where that is
    /// longer.</param>
    [Theory]
    [InlineData(1, 24)]
    [InlineData(48, 48)]
    public void Segment_IsForgotten_WhenItEndedBeforeAllThatIsKept(int retentionHours, int remembered)
    {
        var settings = SettingsLoader.Defaults.Journal with { RetentionHours = retentionHours };
        var clock = JournalClock.For(settings, _time);

        Step(after: Hour);
        Step(after: remembered * Hour);
        Assert.Equal([TimeSpan.Zero, Hour, (remembered + 1) * Hour], Starts());

        Step(after: Tick);
        Assert.Equal([Hour, (remembered + 1) * Hour, ((remembered + 1) * Hour) + Tick], Starts());

        void Step(TimeSpan after)
        {
            _time.Advance(after);
            _time.Step += Hour;
            clock.Observe();
        }

        IEnumerable<TimeSpan> Starts() => StoredClock.Of(clock).Segments.Select(segment => segment.Sure);
    }

    /// <remarks>Both segments could have it; the earlier one would make it younger.</remarks>
    [Fact]
    public void TimeASecondBeforeASegment_IsOfThatSegment()
    {
        SetClock(after: 10 * Minute, 5 * Minute);
        _time.Advance(10 * Minute);

        Assert.Equal(25 * Minute, NowFor((15 * Minute) - Second));
        Assert.Equal(20 * Minute, NowFor((15 * Minute) - Second - Tick));
    }

    [Fact]
    public void TimeASecondAfterASegment_IsOfThatSegment()
    {
        SetClock(after: 10 * Minute, 5 * Minute);
        SetClock(after: 10 * Minute, 30 * Minute);
        _time.Advance(20 * Minute);

        Assert.Equal(45 * Minute, NowFor((25 * Minute) + Second));
        Assert.Equal(40 * Minute, NowFor((25 * Minute) + Second + Tick)); // of none: the lowest age counts
    }

    [Fact]
    public void TimeThatIsReadTwice_WasReadTheSecondTime_OnceTheClockHasComeToIt()
    {
        SetClock(after: 10 * Minute, -5 * Minute);
        _time.Advance(2 * Minute);

        Assert.Equal(7 * Minute, NowFor(7 * Minute));
        Assert.Equal(12 * Minute, NowFor((7 * Minute) + Tick));
    }

    [Fact]
    public void TimeThatNoSegmentHas_IsOfOneThatWouldHaveComeToIt()
    {
        SetClock(after: 10 * Minute, Hour);
        _time.Advance(10 * Minute);

        Assert.Equal(20 * Minute, NowFor(20 * Minute));
        Assert.Equal(80 * Minute, NowFor((20 * Minute) + Tick));
    }

    [Fact]
    public void TimeThatIsStillToCome_IsItsOwnNow()
    {
        _time.Advance(10 * Minute);

        Assert.Equal(10 * Minute, NowFor(10 * Minute));
        Assert.Equal((10 * Minute) + Tick, NowFor((10 * Minute) + Tick));
        Assert.Equal(10 * Hour, NowFor(10 * Hour));
    }

    [Fact]
    public void TimestampOfARow_IsThatOfTheMonotonicClockThen()
    {
        var started = _time.GetTimestamp();
        SetClock(after: 30 * Minute, 3 * Hour);
        _time.Advance(30 * Minute);

        var before = _clock.TimestampOf(Sample.Now + (20 * Minute));
        var after = _clock.TimestampOf(Sample.Now + (40 * Minute) + (3 * Hour));

        Assert.Equal(
            (20 * Minute, 40 * Minute),
            (_time.GetElapsedTime(started, before), _time.GetElapsedTime(started, after))
        );
    }

    [Fact]
    public void PauseBetweenTheTwoClocks_OfMoreThanTenMilliseconds_HasBothReadAgain()
    {
        var pause = TimeSpan.FromMilliseconds(10);
        var time = new PausedTime();
        var clock = new JournalClock(time, Day);

        time.Pause(pause);
        Assert.Equal(new ClockPoint(TimeSpan.Zero, pause), StoredClock.Of(clock).Mark);

        time.Pause(pause + Tick);
        Assert.Equal(new ClockPoint((2 * pause) + Tick, (2 * pause) + Tick), StoredClock.Of(clock).Mark);
    }

    [Fact]
    public void PauseInEachOfFiveReadings_LooksLikeAStep()
    {
        var time = new PausedTime();
        var clock = new JournalClock(time, Day);

        time.Pause(2 * Second, times: 4);
        Assert.Equal([Start], StoredClock.Of(clock).Segments);

        time.Pause(2 * Second, times: 5);
        Assert.Equal([Start, new(16 * Second, 18 * Second)], StoredClock.Of(clock).Segments);
    }

    private void SetClock(TimeSpan after, TimeSpan step)
    {
        _time.Advance(after);
        _time.Step = step;
        _clock.Observe();
    }

    /// <summary>Both times since <see cref="Sample.Now"/>.</summary>
    private TimeSpan NowFor(TimeSpan then) => _clock.NowFor(Sample.Now + then) - Sample.Now;

    /// <summary>The time of a thread that is paused after it has read the monotonic clock.</summary>
    private sealed class PausedTime : TimeProvider
    {
        private readonly Queue<TimeSpan> _pauses = new();
        private TimeSpan _elapsed;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Pause(TimeSpan span, int times = 1)
        {
            for (var i = 0; i < times; i++)
                _pauses.Enqueue(span);
        }

        public override long GetTimestamp() => _elapsed.Ticks;

        public override DateTimeOffset GetUtcNow()
        {
            if (_pauses.TryDequeue(out var pause))
                _elapsed += pause;
            return Sample.Now + _elapsed;
        }
    }
}
