using AkkaCharging.Receivers;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Receivers;

/// <summary>
/// Shares of 64 slots: 32 are for proven receivers alone, 24 for silent ones and further calls of new ones, 8 for first
/// calls alone.
/// </summary>
[Trait("Category", "Unit")]
public sealed class FairSlotsTests
{
    private static readonly TimeSpan Young = TimeSpan.FromMilliseconds(100);
    private readonly FakeTimeProvider _time = new();
    private readonly FairSlots _slots;

    public FairSlotsTests() => _slots = new FairSlots(64, _time);

    [Fact]
    public void FirstCalls_StartAnEighthOfWhatIsLeft_In100Milliseconds()
    {
        Assert.Equal([true, true, true, false], Enumerable.Range(0, 4).Select(_ => TryTake(new())));
        _time.Advance(Young - TimeSpan.FromTicks(1));
        Assert.False(TryTake(new()));

        _time.Advance(TimeSpan.FromTicks(1));

        Assert.True(TryTake(new()));
    }

    [Fact]
    public void FirstCallThatEnds_LetsAnotherStartAtOnce()
    {
        var (first, second) = (new Line(), new Line());
        TryTake(first);
        TryTake(second);
        TryTake(new());

        _slots.GiveBack(first);

        Assert.Equal([true, false], [TryTake(new()), TryTake(new())]);
    }

    [Fact]
    public void FirstCallThatIsAnswered_LetsAnotherStartAtOnce_OneThatTurnsSilentDoesNot()
    {
        var (first, second) = (new Line(), new Line());
        TryTake(first);
        TryTake(second);
        TryTake(new());

        _slots.Move(first, Standing.Silent);
        Assert.False(TryTake(new()));
        _slots.Move(second, Standing.Proven);

        Assert.Equal([true, false], [TryTake(new()), TryTake(new())]);
    }

    [Fact]
    public void CallThatWasNoFirstOne_LetsNoFirstCallStart_WhenItEnds()
    {
        var silent = new Line { Standing = Standing.Silent };
        TryTake(silent);
        Assert.Equal(3, TakeFirstCalls());

        _slots.GiveBack(silent);

        Assert.False(TryTake(new()));
    }

    [Fact]
    public void UnprovenReceivers_HaveHalfOfTheSlots_SilentOnesThreeQuartersOfThat()
    {
        var silent = new Line { Standing = Standing.Silent };
        Assert.Equal(24, TakeAll(silent));
        var first = 0;
        for (var i = 0; i < 20; i++)
        {
            first += TryTake(new()) ? 1 : 0;
            _time.Advance(Young);
        }

        Assert.Equal((8, 32), (first, _slots.Free));
        Assert.Equal(32, TakeAll(new() { Standing = Standing.Proven }));
    }

    [Fact]
    public void ReceiverThatMoves_TakesItsSlotsAlong()
    {
        var moved = new Line { Standing = Standing.Proven };
        for (var i = 0; i < 24; i++)
            TryTake(moved);

        _slots.Move(moved, Standing.Silent);

        Assert.Equal((24, 40), (moved.Taken, _slots.Free));
        Assert.False(TryTake(new() { Standing = Standing.Silent }));
        _slots.Move(moved, Standing.Proven);
        Assert.Equal((24, 40), (moved.Taken, _slots.Free));
        Assert.Equal(24, TakeAll(new() { Standing = Standing.Silent }));
    }

    [Fact]
    public void WaitingFirstCall_MayStart_WhenTheOldestOneIsNoLongerYoung()
    {
        var startedAt = _time.GetTimestamp();
        TryTake(new());
        _time.Advance(Young / 2);
        Assert.Equal(2, TakeFirstCalls());
        Assert.Null(_slots.NextFirstCallAt); // none waits

        var waiting = Wait(new());

        Assert.Equal(startedAt + Young.Ticks, _slots.NextFirstCallAt);
        _slots.Serve(_time.GetTimestamp());
        Assert.Equal(0, waiting.Taken);
        _time.Advance(Young / 2);
        _slots.Serve(_time.GetTimestamp());
        Assert.Equal(1, waiting.Taken);
        Assert.Null(_slots.NextFirstCallAt);
    }

    [Fact]
    public void WaitingFirstCall_MayNotStartByTimeAlone_WhenNoSlotIsFree()
    {
        TakeFirstCalls();
        TakeAll(new() { Standing = Standing.Proven });

        Wait(new());

        Assert.Null(_slots.NextFirstCallAt);
    }

    [Fact]
    public void TurnWhoseOwnerHasEnded_TakesNoSlot()
    {
        var gone = Wait(new());
        gone.Turns[0].IsGone = true;

        _slots.Serve(_time.GetTimestamp());

        Assert.Equal((0, 64, null), (gone.Taken, _slots.Free, gone.Node.List));
        Assert.Equal(3, TakeFirstCalls()); // it was none
    }

    [Fact]
    public void ReceiverThatWaits_IsNotPassedByOneThatComesLater_UntilItIsForgotten()
    {
        var proven = new Line { Standing = Standing.Proven };
        TakeAll(proven);
        var waiting = Wait(new() { Standing = Standing.Proven });
        _slots.GiveBack(proven);
        Assert.False(TryTake(new() { Standing = Standing.Proven }));

        FairSlots.Remove(waiting);

        Assert.True(TryTake(new() { Standing = Standing.Proven }));
    }

    private bool TryTake(Line line) => _slots.TryTake(line, _time.GetTimestamp());

    private int TakeFirstCalls()
    {
        var taken = 0;
        while (TryTake(new()))
            taken++;
        return taken;
    }

    private int TakeAll(Line line)
    {
        var taken = 0;
        while (TryTake(line))
            taken++;
        return taken;
    }

    private Line Wait(Line line)
    {
        line.Turns.Add(new TestTurn("", null!, line, long.MaxValue, isRetry: false, attempt: 1, [], []));
        line.Enqueue(line.Turns[^1]);
        _slots.Consider(line);
        return line;
    }

    private sealed class Line : TurnLine
    {
        public List<TestTurn> Turns { get; } = [];

        public override bool HasRoom => true;
    }
}
