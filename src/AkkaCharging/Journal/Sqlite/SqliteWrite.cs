namespace AkkaCharging.Journal.Sqlite;

/// <summary>A write in the queue.</summary>
/// <param name="queuedAt">When the write was queued: a timestamp of <see cref="TimeProvider"/>.</param>
/// <param name="canTimeOut">Whether the caller gets an error after a time-out, as long as the write was not
/// begun.</param>
internal abstract class SqliteWrite(long queuedAt, bool canTimeOut)
{
    private int _isTaken;

    public long QueuedAt => queuedAt;

    public bool CanTimeOut => canTimeOut;

    /// <summary>Undoes the write whose caller was told that it was not made; null if it can be repeated.</summary>
    public Action<SqliteStore>? Undo { get; init; }

    /// <summary>Returns true once: a write is either begun or timed out, never both.</summary>
    public bool TryTake() => Interlocked.Exchange(ref _isTaken, 1) == 0;

    /// <summary>Makes the write inside a transaction.</summary>
    public abstract void Run(SqliteStore store);

    /// <summary>Answers the caller after the commit. Called on a pool thread, as is <see cref="Fail"/>.</summary>
    public abstract void Complete();

    /// <summary>Reports to the caller that the write was not made.</summary>
    public abstract void Fail(JournalUnavailableException problem);
}

/// <inheritdoc/>
internal sealed class SqliteWrite<T>(Func<SqliteStore, T> write, long queuedAt, bool canTimeOut)
    : SqliteWrite(queuedAt, canTimeOut)
{
    private readonly TaskCompletionSource<T> _completion = new(); // callers continue on the thread that completes them
    private T? _result;

    public Task<T> Completion => _completion.Task;

    public override void Run(SqliteStore store) => _result = write(store);

    public override void Complete() => _completion.TrySetResult(_result!);

    public override void Fail(JournalUnavailableException problem) => _completion.TrySetException(problem);
}
