namespace AkkaCharging.Journal.Sqlite;

/// <summary>A write that waits for its batch.</summary>
/// <param name="queuedAt">Timestamp of <see cref="TimeProvider"/>.</param>
/// <param name="canTimeOut">Whether its caller is told after a while that it was not made, as long as it was not
/// begun.</param>
internal abstract class SqliteWrite(long queuedAt, bool canTimeOut)
{
    private int _isTaken;

    public long QueuedAt => queuedAt;

    public bool CanTimeOut => canTimeOut;

    /// <summary>True once: either the writer begins it, or it is given up; never both.</summary>
    public bool TryTake() => Interlocked.Exchange(ref _isTaken, 1) == 0;

    /// <summary>Makes it, inside a transaction.</summary>
    public abstract void Run(SqliteStore store);

    /// <summary>Tells the caller, after the commit. On a thread of the pool, as is <see cref="Fail"/>.</summary>
    public abstract void Complete();

    /// <summary>Tells the caller that it was not made.</summary>
    public abstract void Fail(JournalUnavailableException problem);
}

/// <inheritdoc/>
internal sealed class SqliteWrite<T>(Func<SqliteStore, T> write, long queuedAt, bool canTimeOut)
    : SqliteWrite(queuedAt, canTimeOut)
{
    private readonly TaskCompletionSource<T> _completion = new(); // callers go on on the thread that tells them
    private T? _result;

    public Task<T> Completion => _completion.Task;

    public override void Run(SqliteStore store) => _result = write(store);

    public override void Complete() => _completion.TrySetResult(_result!);

    public override void Fail(JournalUnavailableException problem) => _completion.TrySetException(problem);
}
