using System.Collections.Concurrent;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>Writes that wait for a commit, and the batch that is being committed.</summary>
/// <remarks>Any thread adds writes and times them out; all else is called by the writer's thread alone.</remarks>
internal sealed class WriteQueue(TimeProvider time)
{
    private const int BatchMax = 2_048;
    private const int EnoughWrites = 32;
    private const int CallersAtATime = 16;

    /// <summary>
    /// A commit that follows another sooner than this waits a moment for more writes, unless
    /// <see cref="EnoughWrites"/> are waiting already.
    /// </summary>
    private static readonly TimeSpan CommitApart = TimeSpan.FromMilliseconds(1);

    private readonly ConcurrentQueue<SqliteWrite> _waiting = new();
    private readonly List<SqliteWrite> _batch = new(BatchMax);

    // Spinning would cost more than the switch to another thread.
    private readonly ManualResetEventSlim _wake = new(initialState: true, spinCount: 0);
    private readonly ManualResetEventSlim _stopped = new(initialState: false, spinCount: 0);
    private long _takenAt;

    /// <summary>The writes that <see cref="TryTake"/> took.</summary>
    public IReadOnlyList<SqliteWrite> Batch => _batch;

    /// <summary>Adds a write.</summary>
    public void Add(SqliteWrite write)
    {
        _waiting.Enqueue(write);
        _wake.Set();
    }

    /// <summary>Ends a <see cref="Wait"/>.</summary>
    public void Wake() => _wake.Set();

    /// <summary>Waits for a write, or for <see cref="Wake"/>.</summary>
    public void Wait()
    {
        _wake.Wait();
        _wake.Reset();
    }

    /// <summary>Commits no longer wait for more writes.</summary>
    public void Stop()
    {
        _stopped.Set();
        _wake.Set();
    }

    /// <summary>Takes the next batch; false when nothing waits.</summary>
    public bool TryTake()
    {
        _batch.Clear();
        Gather();
        while (_batch.Count < BatchMax && _waiting.TryDequeue(out var write))
        {
            if (write.TryTake())
                _batch.Add(write);
        }

        _takenAt = time.GetTimestamp();
        return _batch.Count > 0;
    }

    /// <summary>Completes the callers of the batch, which is committed.</summary>
    public void CompleteBatch() => OnPool(_batch, static write => write.Complete());

    /// <summary>Fails the callers of the batch, of which nothing was kept.</summary>
    public void FailBatch(JournalUnavailableException problem) => Fail(_batch, problem);

    /// <summary>Fails every write that waits.</summary>
    public void FailWaiting(JournalUnavailableException problem)
    {
        var waiting = new List<SqliteWrite>();
        while (_waiting.TryDequeue(out var write))
        {
            if (write.TryTake())
                waiting.Add(write);
        }

        Fail(waiting, problem);
    }

    /// <summary>Fails those that can time out and have waited for longer than <paramref name="patience"/>.</summary>
    public void TimeOut(TimeSpan patience)
    {
        foreach (
            var write in _waiting.Where(write =>
                write.CanTimeOut && time.GetElapsedTime(write.QueuedAt) > patience && write.TryTake()
            )
        )
            write.Fail(
                new JournalUnavailableException(
                    $"The journal did not get to this write within {patience.TotalSeconds} s."
                )
            );
    }

    /// <summary>
    /// A commit costs as much processor time as thirty rows. At half of saturation, one after the other took a third of
    /// the time (docs/decisions/0003).
    /// </summary>
    private void Gather()
    {
        if (!_waiting.IsEmpty && _waiting.Count < EnoughWrites && time.GetElapsedTime(_takenAt) < CommitApart)
            _stopped.Wait(CommitApart);
    }

    private static void Fail(List<SqliteWrite> writes, JournalUnavailableException problem) =>
        OnPool(writes, write => write.Fail(problem));

    /// <summary>
    /// Completes callers on the thread pool, 16 per work item: waking a thread for each costs more than its
    /// continuation.
    /// </summary>
    private static void OnPool(List<SqliteWrite> writes, Action<SqliteWrite> complete)
    {
        foreach (var some in writes.Chunk(CallersAtATime))
            ThreadPool.UnsafeQueueUserWorkItem(
                state => Array.ForEach(state.some, state.complete),
                (some, complete),
                preferLocal: false
            );
    }
}
