using System.Collections.Concurrent;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>The queued writes, and the batch that is being committed.</summary>
/// <remarks>
/// Any thread may add writes and time them out; all other methods are called on the writer's thread only.
/// </remarks>
internal sealed class WriteQueue(TimeProvider time)
{
    private const int BatchMax = 2_048;
    private const int EnoughWrites = 32;
    private const int CallersAtATime = 16;

    /// <summary>
    /// Minimum time between two commits: an earlier one waits for more writes, unless <see cref="EnoughWrites"/> are
    /// queued.
    /// </summary>
    private static readonly TimeSpan CommitApart = TimeSpan.FromMilliseconds(1);

    private readonly ConcurrentQueue<SqliteWrite> _waiting = new();
    private readonly List<SqliteWrite> _batch = new(BatchMax);

    // No spinning, which would cost more than the switch to another thread.
    private readonly ManualResetEventSlim _wake = new(initialState: true, spinCount: 0);
    private readonly ManualResetEventSlim _stopped = new(initialState: false, spinCount: 0);
    private long _takenAt;

    /// <summary>The writes taken by <see cref="TryTake"/>.</summary>
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

    /// <summary>Stops delaying commits for more writes.</summary>
    public void Stop()
    {
        _stopped.Set();
        _wake.Set();
    }

    /// <summary>Takes the next batch; false when no write is queued.</summary>
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

    /// <summary>Completes the callers of the committed batch.</summary>
    public void CompleteBatch() => OnPool(_batch, static write => write.Complete());

    /// <summary>Fails the callers of the batch, of which nothing was stored.</summary>
    public void FailBatch(JournalUnavailableException problem) => Fail(_batch, problem);

    /// <summary>Fails all queued writes.</summary>
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

    /// <summary>
    /// Fails the queued writes that can time out and have waited for longer than <paramref name="patience"/>.
    /// </summary>
    public void TimeOut(TimeSpan patience)
    {
        foreach (
            var write in _waiting.Where(write =>
                write.CanTimeOut && time.GetElapsedTime(write.QueuedAt) > patience && write.TryTake()
            )
        )
            write.Fail(
                new JournalUnavailableException(
                    $"The journal did not begin this write within {patience.TotalSeconds} s."
                )
            );
    }

    /// <summary>
    /// Waits a moment for more writes, because a commit costs as much processor time as thirty rows: at half of
    /// saturation, commits without this wait took a third of the time (docs/decisions/0003).
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
