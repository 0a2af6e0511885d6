using System.Diagnostics;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Journal.Sqlite;

[Trait("Category", "Unit")]
public sealed class WriteQueueTests
{
    private const int BatchMax = 2_048;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private readonly FakeTimeProvider _time = new();
    private readonly WriteQueue _queue;

    public WriteQueueTests()
    {
        _time.Advance(TimeSpan.FromSeconds(1));
        _queue = new(_time);
    }

    [Fact]
    public void Batch_HasTheWritesInOrder_UpToItsBound()
    {
        var writes = Enumerable.Range(0, BatchMax + 1).Select(_ => Add()).ToList();

        Assert.True(_queue.TryTake());
        Assert.Equal(writes[..BatchMax], _queue.Batch);
        Assert.True(_queue.TryTake());
        Assert.Equal(writes[BatchMax..], _queue.Batch);
        Assert.False(_queue.TryTake());
    }

    [Fact]
    public async Task WriteThatTimedOut_IsNotTaken_AndOneThatCannotWaits()
    {
        var (early, patient) = (Add(canTimeOut: true), Add());
        _time.Advance(Patience);
        var late = Add(canTimeOut: true);
        _queue.TimeOut(Patience);
        Assert.False(early.Completion.IsCompleted); // it has waited for as long, and not for longer
        _time.Advance(TimeSpan.FromTicks(1));

        _queue.TimeOut(Patience);

        await Assert.ThrowsAsync<JournalUnavailableException>(() => early.Completion);
        Assert.True(_queue.TryTake());
        Assert.Equal([patient, late], _queue.Batch);
    }

    [Fact]
    public async Task WritesThatWait_FailTogether()
    {
        var writes = Enumerable.Range(0, 100).Select(_ => Add()).ToList();

        _queue.FailWaiting(new JournalUnavailableException("it is closed"));

        foreach (var write in writes)
            await Assert.ThrowsAsync<JournalUnavailableException>(() => write.Completion);
        Assert.False(_queue.TryTake());
    }

    /// <remarks>
    /// A median tells a wait of a millisecond from none, however busy the machine is: a moment without a processor
    /// falls upon few of the commits.
    /// </remarks>
    [Theory]
    [InlineData(1, 0, false, true)]
    [InlineData(31, 0, false, true)]
    [InlineData(0, 0, false, false)]
    [InlineData(32, 0, false, false)] // enough
    [InlineData(1, 1, false, false)] // some time after the commit before
    [InlineData(1, 0, true, false)]
    public void CommitRightAfterAnother_WaitsForMoreWrites(
        int writes,
        int millisecondsApart,
        bool isStopped,
        bool isDelayed
    )
    {
        if (isStopped)
            _queue.Stop();
        var took = new List<TimeSpan>();
        for (var commit = 0; commit < 101; commit++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(millisecondsApart));
            for (var write = 0; write < writes; write++)
                Add();
            var started = Stopwatch.GetTimestamp();
            Assert.Equal(writes > 0, _queue.TryTake());
            took.Add(Stopwatch.GetElapsedTime(started));
            Assert.Equal(writes, _queue.Batch.Count);
        }

        var median = took.Order().ElementAt(took.Count / 2);
        Assert.Equal(isDelayed, median > TimeSpan.FromMilliseconds(0.5));
    }

    private SqliteWrite<int> Add(bool canTimeOut = false)
    {
        var write = new SqliteWrite<int>(_ => 0, _time.GetTimestamp(), canTimeOut);
        _queue.Add(write);
        return write;
    }
}
