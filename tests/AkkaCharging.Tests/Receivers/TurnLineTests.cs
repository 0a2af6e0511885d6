using AkkaCharging.Receivers;

namespace AkkaCharging.Tests.Receivers;

[Trait("Category", "Unit")]
public sealed class TurnLineTests
{
    private readonly Line _line = new();
    private readonly List<TestTurn> _released = [];

    [Fact]
    public void ExpiredTurns_AreReleased_WhereverTheyAreInTheLine()
    {
        var turns = new[] { 1, 5, 2, 1, 3 }.Select((deadline, i) => Enqueue(deadline, isRetry: i == 3)).ToList();

        _line.ReleaseExpired(now: 0);
        Assert.Empty(_released);
        _line.ReleaseExpired(now: 2);

        Assert.Equal([turns[0], turns[2], turns[3]], _released.OrderBy(turns.IndexOf));
        Assert.Equal((2, 3), (_line.WaitingCount, _line.EarliestDeadline));
        _line.ReleaseExpired(now: 9);
        Assert.Equal((0, long.MaxValue), (_line.WaitingCount, _line.EarliestDeadline));
        Assert.Equal(turns.Count, _released.Distinct().Count());
    }

    [Fact]
    public void ExpiredTurnWhoseOwnerHasEnded_IsDropped()
    {
        Enqueue(deadline: 1).IsGone = true;

        _line.ReleaseExpired(now: 1);

        Assert.Empty(_released);
        Assert.Equal(0, _line.WaitingCount);
    }

    [Fact]
    public void SlotOfAnExpiredTurn_GoesToTheNext()
    {
        var (expired, next) = (Enqueue(deadline: 1), Enqueue(deadline: 2));

        Assert.True(_line.StartNext(now: 1));

        Assert.Equal([expired], _released);
        Assert.Equal((false, true, 0), (expired.Holds, next.Holds, _line.WaitingCount));
    }

    /// <summary>It happens under the lock of all receivers, and thousands may wait.</summary>
    [Fact]
    public void ExpiryInOrder_DoesNotCopyTheLine()
    {
        for (var deadline = 1; deadline <= 10_000; deadline++)
            Enqueue(deadline);
        _released.Capacity = 10_000;
        _line.ReleaseExpired(now: 1);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var now = 2; now <= 10; now++)
            _line.ReleaseExpired(now);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000);
        Assert.Equal(10, _released.Count);
    }

    private TestTurn Enqueue(long deadline, bool isRetry = false)
    {
        var turn = new TestTurn("", null!, _line, deadline, isRetry, attempt: 1, [], _released);
        _line.Enqueue(turn);
        return turn;
    }

    private sealed class Line : TurnLine
    {
        public override bool HasRoom => true;
    }
}
