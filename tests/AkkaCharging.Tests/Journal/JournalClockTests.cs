using AkkaCharging.Journal;
using AkkaCharging.Tests.Pipeline;
using CsCheck;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Unit")]
public sealed class JournalClockTests
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly SteppingTime _time = new();

    /// <summary>
    /// The law that retention rests on: whatever the wall clock does, in one process or over several, a row is never
    /// deleted before its time.
    /// </summary>
    [Fact]
    public void WhateverTheClockDoes_NothingIsOldBeforeItsTime() =>
        Gen.Select(Gen.OneOf(Gen.Const(0), Gen.Int[0, 3_000]), Gen.Int[-6_000, 6_000], Gen.Int[0, 9])
            .Array[1, 120]
            .Sample(events =>
            {
                var time = new SteppingTime { Boot = "one" };
                var clock = new JournalClock(time, Day);
                var saved = clock.Save(() => ((IWitnessedTime)time).Witness)!;
                var rows = new List<(DateTimeOffset At, long Since)>();
                foreach (var (minutes, stepMinutes, kind) in events)
                {
                    time.Advance(TimeSpan.FromMinutes(minutes));
                    switch (kind)
                    {
                        case < 5:
                            clock.Observe();
                            // read a moment before
                            rows.Add((time.GetUtcNow() - TimeSpan.FromMilliseconds(500), time.GetTimestamp()));
                            saved = clock.Save(() => ((IWitnessedTime)time).Witness) ?? saved;
                            break;
                        case < 8:
                            time.Step = TimeSpan.FromMinutes(stepMinutes);
                            break;
                        default:
                            (clock, time.Boot) = (new JournalClock(time, Day), kind == 8 ? "one" : "other");
                            time.Advance(TimeSpan.FromMinutes(Math.Abs(stepMinutes) % 60)); // waits for the journal
                            clock.Resume(saved, ((IWitnessedTime)time).Witness);
                            break;
                    }

                    var horizon = clock.Horizon(Day);
                    if (rows.Any(row => row.At <= horizon && time.GetElapsedTime(row.Since) < Day))
                        return false;
                }

                return true;
            });

    /// <summary>Whatever the wall clock did, what is old is deleted in the end.</summary>
    [Fact]
    public void WhateverTheClockDid_TheSpanBeforeNowIsTheHorizonAgain_WhenItHasStoodForLongEnough() =>
        Gen.Select(Gen.Int[0, 3_000], Gen.Int[-6_000, 6_000], Gen.Int[0, 9])
            .Array[1, 120]
            .Sample(events =>
            {
                var time = new SteppingTime { Boot = "one" };
                var clock = new JournalClock(time, Day);
                var saved = clock.Save(() => ((IWitnessedTime)time).Witness)!;
                foreach (var (minutes, stepMinutes, kind) in events)
                {
                    time.Advance(TimeSpan.FromMinutes(minutes));
                    if (kind < 7)
                    {
                        time.Step = TimeSpan.FromMinutes(stepMinutes);
                        clock.Observe();
                        saved = clock.Save(() => ((IWitnessedTime)time).Witness) ?? saved;
                    }
                    else
                    {
                        (clock, time.Boot) = (new JournalClock(time, Day), kind == 8 ? "one" : "other");
                        time.Advance(TimeSpan.FromMinutes(Math.Abs(stepMinutes) % 60)); // waits for the journal
                        clock.Resume(saved, ((IWitnessedTime)time).Witness);
                    }
                }

                clock.Observe();
                time.Advance((Day * 2) + Minute);
                return (time.GetUtcNow() - Day - clock.Horizon(Day)).Duration() <= TimeSpan.FromSeconds(1);
            });

    /// <summary>A clock that is only set ahead reads each time once, so each row's age is known.</summary>
    [Fact]
    public void RowsOfAClockThatIsSetAhead_HaveTheAgeThatTheyHave() =>
        Gen.Select(Gen.Int[1, 3_000], Gen.Int[0, 6_000], Gen.Bool)
            .Array[1, 40]
            .Sample(events =>
            {
                var time = new SteppingTime();
                var clock = new JournalClock(time, Day * 400);
                var rows = new List<(DateTimeOffset At, long Since)>();
                foreach (var (minutes, aheadMinutes, isSet) in events)
                {
                    time.Advance(TimeSpan.FromMinutes(minutes));
                    if (isSet)
                        time.Step += TimeSpan.FromMinutes(aheadMinutes);
                    clock.Observe();
                    rows.Add((time.GetUtcNow(), time.GetTimestamp()));
                    time.Advance(Minute);
                }

                return rows.All(row => clock.NowFor(row.At) - row.At == time.GetElapsedTime(row.Since));
            });

    [Fact]
    public void ClockThatIsNeverSet_HasTheSpanBeforeNowAsItsHorizon()
    {
        var clock = new JournalClock(_time, Day);
        Assert.Equal(DateTimeOffset.MinValue, clock.Horizon(Day)); // what was before it is not known

        _time.Advance(Day * 2);

        Assert.Equal(_time.GetUtcNow() - Day, clock.Horizon(Day));
    }

    [Fact]
    public void StepAheadForGood_IsForgottenAfterTheSpan()
    {
        var clock = new JournalClock(_time, Day);
        _time.Advance(Day * 2);
        _time.Step = Day * 30;
        clock.Observe();

        _time.Advance(Day + Minute);

        Assert.Equal(_time.GetUtcNow() - Day, clock.Horizon(Day));
    }

    [Fact]
    public void ManySteps_AreMergedToTheSafeSide()
    {
        var clock = new JournalClock(_time, Day);
        _time.Advance(Day * 2);
        _time.Step = -Day;
        clock.Observe();
        var low = _time.GetUtcNow();
        for (var i = 0; i < 500; i++)
        {
            _time.Advance(Minute);
            _time.Step = TimeSpan.FromSeconds(i % 2 * 10);
            clock.Observe();
        }

        Assert.InRange(clock.Horizon(Day), DateTimeOffset.MinValue, low);
        Assert.InRange(clock.Save(() => null)!.Length, 100, 8_000);
    }

    [Theory]
    [InlineData(20)]
    [InlineData(-60)]
    public void StepWhileItRuns_MakesNothingOlderOrYounger(int minutes)
    {
        var clock = new JournalClock(_time, Day);
        _time.Advance(TimeSpan.FromHours(3));
        var then = _time.GetUtcNow();
        _time.Advance(Minute);

        _time.Step = TimeSpan.FromMinutes(minutes);
        var after = _time.GetUtcNow();
        clock.Observe();
        _time.Advance(Minute);

        Assert.Equal((2 * Minute, Minute), (clock.NowFor(then) - then, clock.NowFor(after) - after));
    }

    /// <param name="boot">Of the machine at the second start; null where nothing vouches for the time in
    /// between.</param>
    /// <param name="stepMinutes">By how much the clock was set in between.</param>
    /// <param name="age">As it is known then, of a request accepted 1 minute before the end; 2 minutes passed until the
    /// second start.</param>
    [Theory]
    [InlineData("one", 0, 3)]
    [InlineData("one", 20, 3)]
    [InlineData("one", -60, 3)]
    [InlineData("other", 0, 3)]
    [InlineData("other", 20, 23)] // may as well have been away for so long: too late is worse than never
    [InlineData("other", -60, 1)] // it was set back, and that is all that is known
    [InlineData(null, -60, 1)]
    public void StepBetweenTwoProcesses_IsRecognised_AsFarAsTheMachineWasNotStartedAnew(
        string? boot,
        int stepMinutes,
        int age
    )
    {
        _time.Boot = "one";
        var first = new JournalClock(_time, Day);
        _time.Advance(TimeSpan.FromHours(3));
        var then = _time.GetUtcNow();
        _time.Advance(Minute);
        var saved = first.Save(() => ((IWitnessedTime)_time).Witness);

        _time.Advance(2 * Minute);
        (_time.Boot, _time.Step) = (boot, TimeSpan.FromMinutes(stepMinutes));
        var second = new JournalClock(_time, Day);
        second.Resume(saved, ((IWitnessedTime)_time).Witness);

        Assert.Equal(age, (second.NowFor(then) - then).TotalMinutes);
    }

    /// <summary>Its commit failed, and the journal is opened again by the same process.</summary>
    [Fact]
    public void ListThatWasNotStored_IsReturnedAgain_AndWhatItSaysStaysKnown()
    {
        var clock = new JournalClock(_time, Day);
        var stored = clock.Save(() => null);
        clock.Stored();
        Assert.Null(clock.Save(() => null));
        _time.Step = TimeSpan.FromHours(-2);
        var then = _time.GetUtcNow();
        Assert.NotNull(clock.Save(() => null));
        _time.Advance(Minute);
        _time.Step = TimeSpan.FromHours(2);

        clock.Resume(stored, witness: null);

        Assert.Equal(Minute, clock.NowFor(then) - then);
        Assert.NotNull(clock.Save(() => null));
    }

    [Fact]
    public void ListWhoseCommitNobodyHeardOf_IsKnownAsOnesOwn()
    {
        var clock = new JournalClock(_time, Day);
        clock.Save(() => null);
        clock.Stored();
        _time.Step = TimeSpan.FromHours(1);
        var inDoubt = clock.Save(() => null);
        _time.Step = TimeSpan.FromHours(-2);
        var then = _time.GetUtcNow();
        clock.Observe();
        _time.Advance(Minute);
        _time.Step = TimeSpan.FromHours(2);

        clock.Resume(inDoubt, witness: null);

        Assert.Equal(Minute, clock.NowFor(then) - then);
    }

    [Fact]
    public void TwoClocksThatCanBeSet_AreBelievedWhereTheyAgree()
    {
        var saved = new JournalClock(_time, Day).Save(() => new("postgres", 0, IsSteady: false));
        var then = _time.GetUtcNow();
        _time.Advance(2 * Minute);

        Assert.Equal(2 * Minute, AgeBy(TimeSpan.FromMinutes(20), 2 * Minute)); // this one was set ahead
        Assert.Equal(2 * Minute, AgeBy(TimeSpan.FromMinutes(-60), 2 * Minute)); // this one was set back
        Assert.Equal(2 * Minute, AgeBy(TimeSpan.Zero, Day)); // the database's was

        TimeSpan AgeBy(TimeSpan step, TimeSpan database)
        {
            _time.Step = step;
            var clock = new JournalClock(_time, Day);
            clock.Resume(saved, new("postgres", database.Ticks, IsSteady: false));
            return clock.NowFor(then) - then;
        }
    }

    [Fact]
    public void ReadingOfAnotherNode_HoldsTheHorizonForTheSpan()
    {
        var clock = new JournalClock(_time, Day);
        _time.Advance(Day * 3);
        var theirs = _time.GetUtcNow() - (Day * 2);

        clock.Observe(theirs);
        Assert.InRange(clock.Horizon(Day), DateTimeOffset.MinValue, theirs);
        _time.Advance(Day + Minute);

        Assert.Equal(_time.GetUtcNow() - Day, clock.Horizon(Day));
    }

    /// <summary>What a node reports as its own is read back and would hold the horizon again, for ever.</summary>
    [Fact]
    public void ReadingOfAnotherNode_IsNotReportedAsOnesOwn()
    {
        var clock = new JournalClock(_time, Day);
        clock.TakeLow();
        _time.Advance(Minute);

        clock.Observe(_time.GetUtcNow() - (2 * Minute));

        Assert.Null(clock.TakeLow());
    }

    [Theory]
    [InlineData("")]
    [InlineData("1 2 3")]
    [InlineData("1 a b c - 1:2:3")]
    [InlineData("1 1 1 1 - 1:2")]
    [InlineData("2 1 1 1 - 1:2:3")]
    public void WhatNobodyHasSaved_IsNothingKnown(string saved)
    {
        var clock = new JournalClock(_time, Day);

        clock.Resume(saved, witness: null);

        Assert.Equal(DateTimeOffset.MinValue, clock.Horizon(Day));
        Assert.Equal(_time.GetUtcNow(), clock.NowFor(_time.GetUtcNow()));
    }

    [Fact]
    public void Machine_TellsItsTimeSinceItWasStarted()
    {
        var first = ClockWitness.OfMachine(TimeProvider.System);
        var second = ClockWitness.OfMachine(TimeProvider.System);

        Assert.NotNull(first);
        Assert.Equal((first.Value.Id, true), (second!.Value.Id, second.Value.IsSteady));
        Assert.True(second.Value.Ticks >= first.Value.Ticks);
        Assert.Equal(
            (first.Value.Id, first.Value.Ticks),
            (
                ClockWitness.Parse(first.Value.ToString())!.Value.Id,
                ClockWitness.Parse(first.Value.ToString())!.Value.Ticks
            )
        );
    }
}
