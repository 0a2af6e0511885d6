using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Retention;
using AkkaCharging.Settings;
using AkkaCharging.Timing;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>
/// The only thread that writes: it opens the journal, commits queued writes in groups, and reopens the journal after a
/// failed write.
/// </summary>
/// <remarks>
/// Group commit: writes queued during one transaction make up the next one. An idle service thus commits each write
/// alone and at once, a busy one every one or two milliseconds (<see cref="WriteQueue"/>). After any error the
/// connection is closed: nothing of its transaction is stored, and reopening it, which writes, is the probe that ends
/// the outage. Each batch checks that the files are still where the next process will look for them
/// (docs/decisions/0008).
/// </remarks>
internal sealed class SqliteWriter : IJournalWriter, IDisposable
{
    /// <summary>
    /// Interval of attempts to open an unavailable journal, including one that another owner has locked.
    /// </summary>
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Time-out of a submission that waits for the disk, and of whatever the thread does before health reports it.
    /// </summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly JournalSettings _settings;
    private readonly TimeProvider _time;
    private readonly CommitReport? _committed;
    private readonly WriteQueue _queue;
    private readonly List<Action<SqliteStore>> _unsecured = [];
    private readonly SqliteOwner _owner;
    private readonly Checkpointer _checkpointer;
    private readonly SqliteRetention _retention;
    private readonly Thread _thread;
    private readonly IDisposable _tick;
    private readonly ITimer _retry;
    private readonly TaskCompletionSource _tried = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<SqliteStore> _opened = new(
        TaskCreationOptions.RunContinuationsAsynchronously
    );
    private readonly TaskCompletionSource<InvalidJournalException> _invalid = new(
        TaskCreationOptions.RunContinuationsAsynchronously
    );
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private volatile JournalSecrets? _secrets;
    private volatile string? _problem = StoredJournal.NotOpen;
    private volatile string? _diskProblem;
    private volatile bool _isTicked = true;
    private volatile bool _isStopping;
    private bool _isTaken;
    private long _workStartedAt; // 0 while the thread waits for work

    /// <param name="committed">Notified of each group commit.</param>
    /// <param name="clock">Determines the age of rows; null creates a clock.</param>
    /// <param name="reading">The reader's thread, whose connection is closed while the files are created again.</param>
    /// <param name="notice">Notifies the operator of file problems.</param>
    /// <param name="early">Counts settled requests that are deleted before their retention time.</param>
    public SqliteWriter(
        JournalSettings settings,
        TimeProvider time,
        CommitReport? committed = null,
        JournalClock? clock = null,
        SqliteThread? reading = null,
        JournalNotice? notice = null,
        EarlyDeletions? early = null
    )
    {
        (_settings, _time, _committed) = (settings, time, committed);
        clock ??= JournalClock.For(settings, time);
        var checkpoints = new SqliteThread("journal checkpoints", settings);
        _queue = new(time);
        _owner = new(settings, time, clock, reading is null ? [checkpoints] : [checkpoints, reading], notice, early);
        _checkpointer = new(checkpoints, _owner.DoubtCopy);
        _retention = new(settings, clock, time, purge => WriteAsync(purge));
        _thread = new(Loop) { Name = "journal writer", IsBackground = true };
        _retry = time.CreateTimer(_ => OnTick(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _tick = SharedTick.Subscribe(time, OnTick);
        _thread.Start();
    }

    /// <inheritdoc/>
    public Task Tried => _tried.Task;

    /// <inheritdoc/>
    public JournalSecrets? Secrets => _secrets;

    /// <summary>Completes when the journal is opened for the first time.</summary>
    public Task<SqliteStore> Opened => _opened.Task;

    /// <inheritdoc/>
    public Task<InvalidJournalException> Invalid => _invalid.Task;

    /// <inheritdoc/>
    public Task Ended => _ended.Task;

    /// <summary>Why writes fail; null while they succeed.</summary>
    public string? Problem =>
        (_problem is null or StoredJournal.NotOpen) && IsStuck
            ? $"The journal {_settings.Path} has not answered for more than {Patience.TotalSeconds} s: the disk is "
                + "slow."
            : _problem;

    /// <inheritdoc/>
    public string? AcceptProblem => Problem ?? _diskProblem;

    private bool IsStuck =>
        Interlocked.Read(ref _workStartedAt) is not 0 and var started && _time.GetElapsedTime(started) > Patience;

    /// <summary>Makes <paramref name="write"/> with the next batch.</summary>
    /// <param name="canTimeOut">Whether the write fails after waiting for <see cref="Patience"/>.</param>
    /// <param name="undo">Undoes it, when it turns out after the error that it was made.</param>
    /// <exception cref="JournalUnavailableException">The write was not made and never will be, unless the disk failed
    /// during the commit.</exception>
    public Task<T> WriteAsync<T>(Func<SqliteStore, T> write, bool canTimeOut = false, Action<SqliteStore>? undo = null)
    {
        var queued = new SqliteWrite<T>(write, _time.GetTimestamp(), canTimeOut) { Undo = undo };
        // While the disk hangs, what would time out is not queued: it would stay in memory until the disk answers.
        if ((canTimeOut ? Problem : _problem) is { } problem)
            return Task.FromException<T>(new JournalUnavailableException(problem));
        _queue.Add(queued);
        if (_ended.Task.IsCompleted)
            FailWaiting();
        return queued.Completion;
    }

    /// <inheritdoc/>
    public void Stop()
    {
        _isStopping = true;
        _queue.Stop();
    }

    public void Dispose() => Stop();

    private void OnTick()
    {
        _isTicked = true;
        // Called here, because the writer's thread may be waiting for the disk.
        if (Interlocked.Read(ref _workStartedAt) != 0)
            _queue.TimeOut(Patience);
        if (IsStuck)
            _tried.TrySetResult();
        _queue.Wake();
    }

    private void Loop()
    {
        while (!_isStopping && !_invalid.Task.IsCompleted)
        {
            _queue.Wait();
            Interlocked.Exchange(ref _workStartedAt, _time.GetTimestamp());
            if (_isTicked)
            {
                _isTicked = false;
                LookAfter();
                _tried.TrySetResult();
            }

            WriteQueued();
            Interlocked.Exchange(ref _workStartedAt, 0);
            if (_owner.Store is null)
                _retry.Change(RetryInterval, Timeout.InfiniteTimeSpan);
        }

        _problem ??= "The journal is closed.";
        WriteQueued(isLast: true);
        _problem = _owner.RescueMoved(isLast: true) ?? _problem;
        _owner.Dispose();
        _tick.Dispose();
        _retry.Dispose();
        _ended.SetResult();
        FailWaiting();
    }

    /// <summary>Opens the journal, checks the disk and starts retention; called on every tick.</summary>
    private void LookAfter()
    {
        try
        {
            if (_isTaken)
                return;
            if (_owner.Open() is { } problem)
            {
                _problem = problem;
                return;
            }

            UndoUnsecured();
            _diskProblem = FindDiskProblem();
            _secrets ??= _owner.Store!.Secrets;
            _problem = null; // set first: a caller that awaits the opening may write at once
            _opened.TrySetResult(_owner.Store!);
            _retention.SweepWhenDue();
        }
        catch (InvalidJournalException e) when (!_opened.Task.IsCompleted)
        {
            _problem = e.Message;
            _invalid.SetResult(e);
        }
        catch (Exception e)
        {
            // The thread's outermost handler: health shows the failure, and the work is retried.
            Close(e);
        }
    }

    private string? FindDiskProblem()
    {
        var free = new DriveInfo(Path.GetFullPath(_settings.Path)).AvailableFreeSpace;
        return free >= _settings.MinFreeBytes
            ? null
            : $"Only {free >> 20} MiB are free on the disk of the journal {_settings.Path}: below "
                + $"{_settings.MinFreeBytes >> 20} MiB (journal.minFreeBytes) new requests are rejected.";
    }

    private void WriteQueued(bool isLast = false)
    {
        // Writes that come faster than they are made do not put off what is due at a tick.
        while (_owner.Store is { } store && (isLast || !_isTicked) && _queue.TryTake())
        {
            TimeSpan duration;
            var isCommitted = false;
            var startedAt = _time.GetTimestamp();
            Interlocked.Exchange(ref _workStartedAt, startedAt);
            try
            {
                _owner.ThrowIfMoved(); // before the commit, so that the callers can be told that nothing was kept
                store.Commit(_queue.Batch);
                isCommitted = true;
                duration = _time.GetElapsedTime(startedAt);
                _owner.SecureCommit();
            }
            catch (Exception e)
            {
                Close(e);
                if (isCommitted && _owner.IsRescued)
                {
                    _queue.CompleteBatch();
                    break;
                }

                // Nothing of the batch is stored, or it is undone when the journal is open again.
                if (isCommitted)
                    _unsecured.AddRange(_queue.Batch.Select(write => write.Undo).OfType<Action<SqliteStore>>());
                _queue.FailBatch(Unavailable());
                break;
            }

            _queue.CompleteBatch();
            _committed?.Invoke(duration, _queue.Batch.Count);
            Checkpoint(store);
        }

        if (_owner.Store is null)
            FailWaiting();
    }

    private void UndoUnsecured()
    {
        if (_unsecured.Count == 0)
            return;
        var undo = new SqliteWrite<int>(
            store =>
            {
                _unsecured.ForEach(undo => undo(store));
                return _unsecured.Count;
            },
            queuedAt: 0,
            canTimeOut: false
        );
        _owner.Store!.Commit([undo]);
        _unsecured.Clear();
    }

    private void Checkpoint(SqliteStore store)
    {
        try
        {
            if (!_owner.IsCopyInDoubt)
                _checkpointer.CountCommit(store, _queue.Batch.Count);
        }
        catch (SqliteException e)
        {
            _owner.DoubtCopy(e);
            Close(e);
        }
    }

    private void Close(Exception e)
    {
        _isTaken = e is JournalTakenException;
        _problem = _owner.Close(e);
    }

    private void FailWaiting() => _queue.FailWaiting(Unavailable());

    private JournalUnavailableException Unavailable() => new(_problem ?? "The journal is closed.");
}
