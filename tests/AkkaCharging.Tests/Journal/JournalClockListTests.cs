using AkkaCharging.Journal;
using AkkaCharging.Tests.Pipeline;

namespace AkkaCharging.Tests.Journal;

/// <summary>The list that a clock stores, and what the next process makes of it, to the tick.</summary>
[Trait("Category", "Unit")]
public sealed class JournalClockListTests
{
    private static readonly TimeSpan Tick = TimeSpan.FromTicks(1);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    private readonly SteppingTime _time = new();
    private readonly JournalClock _clock;

    public JournalClockListTests() => _clock = new(_time, Day);

    [Fact]
    public void List_IsTextWithTheMomentTheWitnessAndTheSegments()
    {
        _time.Advance(TimeSpan.FromSeconds(90));
        _time.Step = Hour;
        var start = Sample.Now.UtcTicks;
        var wall = start + 900_000_000 + TimeSpan.TicksPerHour;

        Assert.Equal(
            $"1 900000000 900000000 {wall} boot/7 0:0:{start} 900000000:900000000:{wall}",
            _clock.Save(() => new("boot", 7, IsSteady: true))
        );
        Assert.Equal($"1 900000000 900000000 {wall} - 0:0:{start} 900000000:900000000:{wall}", _clock.Save(() => null));
    }

    [Fact]
    public void List_IsDueAMinuteAfterTheStoredOneWasSaved()
    {
        var asked = 0;
        _time.Advance(10 * Minute);
        Assert.True(_clock.IsSaveDue());
        Assert.NotNull(_clock.Save(Ask));
        _time.Advance(Minute / 2);
        _clock.Stored();

        _time.Advance((Minute / 2) - Tick);
        Assert.False(_clock.IsSaveDue());
        Assert.Null(_clock.Save(Ask));
        Assert.Equal(1, asked);

        _time.Advance(Tick);
        Assert.True(_clock.IsSaveDue());
        Assert.NotNull(_clock.Save(Ask));
        Assert.Equal(2, asked);

        ClockWitness? Ask()
        {
            asked++;
            return null;
        }
    }

    [Fact]
    public void SegmentThatTheStoredListLacks_IsDueAtOnce()
    {
        Assert.NotNull(_clock.Save(() => null));
        _time.Step = Hour;
        _clock.Observe(); // before the commit returns
        _clock.Stored();
        Assert.True(_clock.IsSaveDue());

        Assert.NotNull(_clock.Save(() => null));
        _clock.Stored();
        Assert.False(_clock.IsSaveDue());
        _time.Step = 2 * Hour;
        Assert.True(_clock.IsSaveDue());
    }

    /// <param name="witnessed">Minutes between the two processes by the witness.</param>
    /// <param name="stepMinutes">By how much the wall clock was set in between; 25 minutes pass by it if it was
    /// not.</param>
    [Theory]
    [InlineData(true, 25, 0, 25, 25)]
    [InlineData(true, 10, 0, 10, 10)]
    [InlineData(true, 40, 0, 40, 40)]
    [InlineData(true, 40, -60, 40, 40)]
    [InlineData(false, 10, 0, 10, 10)]
    [InlineData(false, 40, 0, 25, 25)]
    [InlineData(false, 40, -60, 0, 40)] // the wall clock was set back, so the witness is likely right
    public void TimeBetweenTwoProcesses_IsTheWitness_OrTheShorterIfThatCanBeSet(
        bool isSteady,
        int witnessed,
        int stepMinutes,
        int sure,
        int likely
    )
    {
        var earlier = Earlier(wall: -20, $"clock/{Hour.Ticks}");
        _time.Advance(5 * Minute);
        _time.Step = stepMinutes * Minute;

        _clock.Resume(earlier.ToString(), new("clock", (Hour + (witnessed * Minute)).Ticks, isSteady));
        _time.Advance(Minute);

        Assert.Equal(Minutes(101 + sure, 161 + likely, 6 + stepMinutes), StoredClock.Of(_clock).Mark);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(-1, 25)]
    public void WitnessThatReadsLessThanBefore_IsNone_AndTheWallClockTells(int ticks, int likely)
    {
        var earlier = Earlier(wall: -20, $"clock/{Hour.Ticks}");
        _time.Advance(5 * Minute);

        _clock.Resume(earlier.ToString(), new("clock", Hour.Ticks + ticks, IsSteady: true));
        _time.Advance(Minute);

        Assert.Equal(Minutes(101, 161 + likely, 6), StoredClock.Of(_clock).Mark);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(-1, 40)]
    public void WallClockThatReadsLessThanBefore_WasSetBack_AndTheWitnessTells(int ticks, int likely)
    {
        var earlier = Earlier(wall: 5, $"clock/{Hour.Ticks}");
        _time.Advance(5 * Minute);
        _time.Step = TimeSpan.FromTicks(ticks);

        _clock.Resume(earlier.ToString(), new("clock", (Hour + (40 * Minute)).Ticks, IsSteady: false));
        _time.Advance(Minute);

        var expected = Minutes(101, 161 + likely, 6);
        Assert.Equal(expected with { Wall = expected.Wall + _time.Step }, StoredClock.Of(_clock).Mark);
    }

    /// <param name="sureTicks">By how much that measure was ahead of the last segment when the list was saved.</param>
    [Theory]
    [InlineData(TimeSpan.TicksPerSecond, 0, false)]
    [InlineData(TimeSpan.TicksPerSecond + 1, 0, true)]
    [InlineData(-TimeSpan.TicksPerSecond, 0, false)]
    [InlineData(-TimeSpan.TicksPerSecond - 1, 0, true)]
    [InlineData(0, TimeSpan.TicksPerSecond, false)]
    [InlineData(0, TimeSpan.TicksPerSecond + 1, true)]
    [InlineData(0, -TimeSpan.TicksPerSecond, false)]
    [InlineData(0, -TimeSpan.TicksPerSecond - 1, true)]
    public void LastSegment_Continues_WhileBothMeasuresAreWithinASecondOfIt(
        long sureTicks,
        long likelyTicks,
        bool begins
    )
    {
        var earlier = Earlier(wall: 5);
        var mark = earlier.Mark with
        {
            Sure = earlier.Mark.Sure + TimeSpan.FromTicks(sureTicks),
            Likely = earlier.Mark.Likely + TimeSpan.FromTicks(likelyTicks),
        };
        _time.Advance(5 * Minute);

        _clock.Resume((earlier with { Mark = mark }).ToString(), witness: null);
        _time.Advance(Minute);

        ClockPoint[] expected = begins ? [.. earlier.Segments, mark] : [.. earlier.Segments];
        Assert.Equal(expected, StoredClock.Of(_clock).Segments);
    }

    [Fact]
    public void DistanceFromTheContinuedSegment_CountsTowardsTheNext()
    {
        var distance = TimeSpan.FromMilliseconds(600);
        var earlier = Earlier(wall: 5);
        var mark = earlier.Mark with { Sure = earlier.Mark.Sure + distance };
        _time.Advance(5 * Minute);
        _clock.Resume((earlier with { Mark = mark }).ToString(), witness: null);
        _time.Advance(Minute);

        _time.Step = TimeSpan.FromMilliseconds(-400);
        Assert.Equal(earlier.Segments, StoredClock.Of(_clock).Segments);

        _time.Step -= Tick;
        Assert.Equal(
            [.. earlier.Segments, new((101 * Minute) + distance, 161 * Minute, (6 * Minute) + _time.Step)],
            StoredClock.Of(_clock).Segments
        );
    }

    [Fact]
    public void ListThatWasResumedBefore_IsOnesOwn_AndChangesNothing()
    {
        var earlier = Earlier(wall: 5);
        _time.Advance(5 * Minute);
        _clock.Resume(earlier.ToString(), witness: null);
        _time.Advance(10 * Minute);

        _clock.Resume(earlier.ToString(), witness: null);

        var stored = StoredClock.Of(_clock);
        Assert.Equal(Minutes(110, 170, 15), stored.Mark);
        Assert.Equal(earlier.Segments, stored.Segments);
    }

    /// <summary>The journal lost it, or it is not of this version.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("1 1 1 1 -")]
    [InlineData("1 99999999999999999999 1 1 - 1:2:3")]
    [InlineData("1 1 1 1 - 1:2:99999999999999999999")]
    public void ListThatCannotBeRead_ChangesNothing_ForAClockThatWasStored(string? saved)
    {
        Assert.NotNull(_clock.Save(() => null));
        _clock.Stored();
        _time.Advance(Minute);

        _clock.Resume(saved, witness: null);

        var stored = StoredClock.Of(_clock);
        Assert.Equal(Minutes(1, 1, 1), stored.Mark);
        Assert.Equal([Minutes(0, 0, 0)], stored.Segments);
    }

    /// <param name="first">Lead of the first segment's wall clock over the sure measure, in minutes.</param>
    [Theory]
    [InlineData(-100, -90)]
    [InlineData(-90, -100)]
    public void SegmentBeyondThe64th_HasTheFirstTwoMerged_IntoTheLowerReading(int first, int second)
    {
        ClockPoint[] segments =
        [
            Minutes(1, 6, 1 + first),
            Minutes(2, 9, 2 + second),
            .. Enumerable.Range(3, 61).Select(minute => Minutes(minute, minute + 7, minute - 65)),
        ];
        _clock.Resume(new StoredClock(Minutes(65, 72, 0), segments).ToString(), witness: null);

        SetClock(Hour);
        Assert.Equal([.. segments, Minutes(66, 73, 61)], StoredClock.Of(_clock).Segments);

        SetClock(TimeSpan.Zero);
        Assert.Equal(
            [Minutes(1, 8, -99), .. segments[2..], Minutes(66, 73, 61), Minutes(67, 74, 2)],
            StoredClock.Of(_clock).Segments
        );

        void SetClock(TimeSpan step)
        {
            _time.Advance(Minute);
            _time.Step = step;
            _clock.Observe();
        }
    }

    private static ClockPoint Minutes(int sure, int likely, int wall) =>
        new(sure * Minute, likely * Minute, wall * Minute);

    /// <summary>The list of an earlier process that was set an hour before it was saved.</summary>
    /// <param name="wall">Reading of the wall clock when the list was saved, in minutes.</param>
    private static StoredClock Earlier(int wall, string witness = "-") =>
        new(Minutes(100, 160, wall), [Minutes(40, 100, wall - 60)], witness);
}
