using System.Collections.Concurrent;
using AkkaCharging.Files;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Settings;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>
/// The one thread that writes: it opens the journal, commits what waits in groups, and opens it again when a write
/// failed.
/// </summary>
/// <remarks>
/// Group commit: whatever was asked for while one transaction was being written makes up the next one, so that an idle
/// service commits alone and at once. A busy one commits every millisecond or two: <see cref="Gather"/>. After any
/// error the connection is closed: nothing of its transaction is kept, and opening again, which writes, is the probe
/// that ends the outage. Each batch makes sure that its files are still where the next process will look for them
/// (docs/decisions/0008).
/// </remarks>
internal sealed class SqliteWriter : IJournalWriter, IDisposable
{
    /// <summary>How often a journal that is away is tried again, the lock of another owner included.</summary>
    public static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a submission waits for the disk, and a batch may take before health says so.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private const int BatchMax = 2_048;
    private const int WritesBetweenCheckpoints = 1_000;

    /// <summary>
    /// 64 MiB of log: when the checkpoint thread cannot keep up, the writer itself copies the rest, which is small by
    /// then, so that the log starts anew.
    /// </summary>
    private const long LogPagesMax = 16_384;

    /// <summary>
    /// A commit that follows another sooner than this waits a moment for company, unless so many writes wait already.
    /// </summary>
    private static readonly TimeSpan CommitApart = TimeSpan.FromMilliseconds(1);
    private const int EnoughWrites = 32;
    private const int CallersAtATime = 16;

    private static readonly TimeSpan RetentionPeriod = TimeSpan.FromMinutes(1);

    private readonly JournalSettings _settings;
    private readonly TimeProvider _time;
    private readonly JournalClock _clock;
    private readonly CommitReport? _committed;
    private readonly SqliteThread _checkpoints;
    private readonly SqliteThread? _reading;
    private readonly JournalNotice? _notice;
    private readonly Thread _thread;
    private readonly ITimer _timer;
    private readonly ConcurrentQueue<SqliteWrite> _queue = new();

    // to spin would cost more than the switch
    private readonly ManualResetEventSlim _wake = new(initialState: true, spinCount: 0);
    private readonly ManualResetEventSlim _stopped = new(initialState: false, spinCount: 0);
    private readonly List<SqliteWrite> _batch = new(BatchMax);
    private readonly TaskCompletionSource _tried = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<SqliteStore> _opened = new(
        TaskCreationOptions.RunContinuationsAsynchronously
    );
    private readonly TaskCompletionSource<InvalidJournalException> _invalid = new(
        TaskCreationOptions.RunContinuationsAsynchronously
    );
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private OwnerLock? _lock;
    private SqliteStore? _store;
    private JournalFiles? _files;
    private volatile JournalSecrets? _secrets;
    private long? _epoch;
    private bool _isTaken;
    private bool _hasStrayLog;
    private bool _isSaved;
    private string? _savedAs;
    private string? _told;
    private volatile string? _problem = StoredJournal.NotOpen;
    private volatile string? _diskProblem;
    private volatile bool _isTicked = true;
    private volatile bool _isWriting;
    private volatile bool _isStopping;
    private volatile bool _finishCheckpoint;
    private int _writesSinceCheckpoint;
    private long _batchStartedAt;
    private long _committedAt;
    private long _purgedAt;
    private int _isPurging;
    private int _isCheckpointing;

    /// <param name="committed">Told about each group commit.</param>
    /// <param name="clock">Of the journal, which says what is old; one of its own when null.</param>
    /// <param name="reading">Whose connection is closed while the files are made anew.</param>
    /// <param name="notice">Told what an operator should know about the files.</param>
    public SqliteWriter(
        JournalSettings settings,
        TimeProvider time,
        CommitReport? committed = null,
        JournalClock? clock = null,
        SqliteThread? reading = null,
        JournalNotice? notice = null
    )
    {
        (_settings, _time, _committed, _purgedAt) = (settings, time, committed, time.GetTimestamp());
        _clock = clock ?? JournalClock.For(settings, time);
        (_reading, _notice) = (reading, notice);
        _checkpoints = new("journal checkpoints", settings);
        _thread = new(Loop) { Name = "journal writer", IsBackground = true };
        _timer = time.CreateTimer(_ => OnTick(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _thread.Start();
    }

    /// <summary>Completes after the first attempt to open, whatever came of it.</summary>
    public Task Tried => _tried.Task;

    /// <inheritdoc/>
    public JournalSecrets? Secrets => _secrets;

    /// <summary>What was found when the journal was opened for the first time.</summary>
    public Task<SqliteStore> Opened => _opened.Task;

    /// <summary>Completes when the journal can never be opened.</summary>
    public Task<InvalidJournalException> Invalid => _invalid.Task;

    /// <summary>Completes when the thread has ended, the file is closed and the lock released.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Why writes do not go through; null when they do.</summary>
    public string? Problem =>
        _problem
        ?? (
            IsStuck
                ? $"The journal {_settings.Path} has not answered for more than {Patience.TotalSeconds} s: the "
                    + "disk is slow."
                : null
        );

    /// <summary>Why new requests are not taken; null when they are.</summary>
    public string? AcceptProblem => Problem ?? _diskProblem;

    private bool IsStuck =>
        Interlocked.Read(ref _batchStartedAt) is not 0 and var started && _time.GetElapsedTime(started) > Patience;

    /// <summary>Writes with the next batch.</summary>
    /// <exception cref="JournalUnavailableException">It was not written, and never will be, unless the disk failed in
    /// the middle of the commit.</exception>
    public Task<T> WriteAsync<T>(Func<SqliteStore, T> write, bool canTimeOut = false)
    {
        var queued = new SqliteWrite<T>(write, _time.GetTimestamp(), canTimeOut);
        if (_problem is { } problem)
            return Task.FromException<T>(new JournalUnavailableException(problem));
        _queue.Enqueue(queued);
        _wake.Set();
        if (_ended.Task.IsCompleted)
            FailQueued();
        return queued.Completion;
    }

    /// <inheritdoc/>
    public void Stop()
    {
        _isStopping = true;
        _stopped.Set();
        _wake.Set();
    }

    public void Dispose() => Stop();

    private void OnTick()
    {
        _isTicked = true;
        Interlocked.MemoryBarrier();
        if (_isWriting)
        {
            // Here, because the writer's thread may be waiting for the disk; an idle one winds the timer itself, so
            // that ticks do not pile up.
            foreach (
                var write in _queue.Where(write =>
                    write.CanTimeOut && _time.GetElapsedTime(write.QueuedAt) > Patience && write.TryTake()
                )
            )
                write.Fail(
                    new JournalUnavailableException(
                        $"The journal did not get to this write within {Patience.TotalSeconds} s."
                    )
                );
            _timer.Change(Tick, Timeout.InfiniteTimeSpan);
        }

        _wake.Set();
    }

    private void Loop()
    {
        while (!_isStopping && !_invalid.Task.IsCompleted)
        {
            _wake.Wait();
            _wake.Reset();
            if (_isTicked)
            {
                _isTicked = false;
                _timer.Change(Tick, Timeout.InfiniteTimeSpan);
                LookAfter();
                _tried.TrySetResult();
            }

            _isWriting = true;
            Interlocked.MemoryBarrier();
            if (_isTicked)
                // it ticked in between: neither side may leave the timer unwound
                _timer.Change(Tick, Timeout.InfiniteTimeSpan);
            WriteQueued();
            _isWriting = false;
        }

        _problem ??= "The journal is closed.";
        WriteQueued();
        if (_store is not null && _files?.Moved is { } moved)
            Leave(moved);
        _checkpoints.Dispose();
        _store?.Dispose(); // the last connection takes the log into the database
        _lock?.Dispose();
        _timer.Dispose();
        _ended.SetResult();
        FailQueued();
    }

    /// <summary>What is done now and then: opening, a look at the disk, retention.</summary>
    private void LookAfter()
    {
        try
        {
            if (_isTaken || (_store is null && !TryOpen()))
                return;
            ThrowIfMoved();
            _store!.CheckOwner();
            _checkpoints.Resume();
            _reading?.Resume();
            (_hasStrayLog, _isSaved, _told) = (false, false, null);

            var free = new DriveInfo(Path.GetFullPath(_settings.Path)).AvailableFreeSpace;
            _diskProblem =
                free < _settings.MinFreeBytes
                    ? $"Only {free >> 20} MiB are free on the disk of the journal {_settings.Path}: below "
                        + $"{_settings.MinFreeBytes >> 20} MiB (journal.minFreeBytes) new requests are refused."
                    : null;
            _secrets ??= _store.Secrets;
            _problem = null; // first: whoever waits for the opening may write at once
            _opened.TrySetResult(_store!);
            if (_time.GetElapsedTime(_purgedAt) >= RetentionPeriod)
                Purge();
        }
        catch (InvalidJournalException e) when (!_opened.Task.IsCompleted)
        {
            _problem = e.Message;
            _invalid.SetResult(e);
        }
        catch (Exception e)
        {
            // The edge of the thread: whatever it is shows in health and is tried again.
            Close(e);
        }
    }

    private bool TryOpen()
    {
        var path = SqliteFile.RealPath(_settings.Path);
        var folder = Path.GetDirectoryName(path)!;
        PrivateFile.MakeFolder(folder);
        _lock ??= OwnerLock.TryTake(_settings, _time);
        if (_lock is null || !_lock.TryRenew())
        {
            _problem =
                $"The journal {_settings.Path} is in use by {OwnerLock.Holder(_settings)}; this process waits for it.";
            return false;
        }

        // What was open once is never made anew: an empty journal, or another, in its place would hide the loss.
        var database = _lock.Database;
        if (database is not null && FileIdentity.TryGet(FileIdentity.Name(path)) != database)
        {
            if (!_opened.Task.IsCompleted)
            {
                _lock.Dispose();
                _lock = null;
            }

            throw new JournalMovedException(
                $"The journal {_settings.Path} was removed or replaced under this process, which waits for that "
                    + "very file: put it back, or stop this process."
            );
        }

        if (_hasStrayLog && new FileInfo(path + "-wal") is { Exists: true, Length: > 0 })
            throw new JournalMovedException(
                $"The journal {_settings.Path} has the log of another program beside it, which is not to be "
                    + $"taken for its own: move {path}-wal away."
            );

        _store = SqliteStore.Open(_settings, _time, _epoch, _clock);
        _epoch = _store.Epoch;
        _files = new JournalFiles(
            path,
            database,
            KeySource.NeedsGenerated(_settings) ? KeySource.GeneratedFile(_settings) : null
        );
        if (!_opened.Task.IsCompleted)
            KeepPrivate(path, folder);
        return true;
    }

    /// <summary>
    /// What is made now is private anyway (SQLite gives its files the database's mode); earlier versions left that to
    /// the umask.
    /// </summary>
    private void KeepPrivate(string path, string folder)
    {
        foreach (
            var file in (string[])
                [
                    path,
                    path + "-wal",
                    path + "-shm",
                    path + ".lock",
                    path + ".owner",
                    KeySource.GeneratedFile(_settings),
                ]
        )
        {
            if (PrivateFile.Tighten(file) is { } problem)
                _notice?.Invoke(problem, isLoss: false);
        }

        if (PrivateFile.IsEmptiedByAnybody(folder))
            _notice?.Invoke(
                $"Any user of this machine can remove the journal's files: its folder {folder} can be written "
                    + "by everybody. Give it mode 0700.",
                isLoss: false
            );
    }

    private void ThrowIfMoved()
    {
        if (_files!.Moved is { } moved)
            throw new JournalMovedException(moved);
    }

    /// <summary>
    /// Brings what is in files that no other process can find any more to where it can be found; then lets them go, or
    /// keeps the only ones there are.
    /// </summary>
    private void Leave(string moved)
    {
        var problem = _files!.HasDatabase
            ? $"Files of the journal {_settings.Path} were removed or replaced under this process: {moved}."
            : $"The journal {_settings.Path} was removed or replaced under this process.";
        try
        {
            // Connections of one process share the -shm, so that all have to let go of a removed one.
            if (
                !Task.WhenAll(_checkpoints.PauseAsync(problem), _reading?.PauseAsync(problem) ?? Task.CompletedTask)
                    .Wait(Patience) || !_store!.TryEmptyLog()
            )
                problem +=
                    " Another process reads the journal; what is in them is brought into the database when it "
                    + "has ended.";
            else if (_files.HasDatabase)
                problem += LetGo();
            else
                problem += Save();
        }
        catch (Exception e)
        {
            // Whatever it is, what is open stays open: it is tried again.
            problem +=
                " What is in them cannot be brought into the database at present: "
                + $"{SqliteProblem.Describe(e, _settings.Path)}";
        }

        _problem = problem;
        TellLoss(problem);
    }

    private string LetGo()
    {
        if (KeySource.NeedsGenerated(_settings))
            KeySource.PutBack(KeySource.GeneratedFile(_settings), _store!.Secrets.Keys);
        if (_savedAs is not null)
            File.Delete(_savedAs); // the file came back
        _savedAs = null;
        _hasStrayLog = !_files!.HasLog;
        _store!.Dispose(); // the last connection takes away a log that lies beside the database, whosever it is
        _store = null;
        return " Nothing is lost: the database has all of it, and the files are made anew now. Find out what removed "
            + "them, it must not do so while the service runs.";
    }

    private string Save()
    {
        if (!_isSaved)
        {
            _isSaved = true; // once: it takes as much of the disk as the journal
            var path = SqliteFile.RealPath(_settings.Path);
            var copy = $"{path}.saved-{_time.GetUtcNow():yyyyMMddTHHmmssZ}";
            PrivateFile.MakeFolder(Path.GetDirectoryName(path)!);
            PrivateFile.Open(copy, FileMode.CreateNew, FileAccess.Write, FileShare.None).Dispose();
            _store!.SaveAs(copy);
            _savedAs = copy;
            if (_files!.HasLog)
            {
                // Beside another database SQLite would take them for that one's. Both this one and the copy have all
                // that is in them.
                File.Delete(path + "-wal");
                File.Delete(path + "-shm");
            }
        }

        return " This process takes nothing until that very file is back. "
            + (
                _savedAs is null
                    ? "What it held could not be saved: see the log."
                    : $"All that it held is saved as {_savedAs}."
            )
            + " Put the file back; if it is gone, stop this process, put the copy in its place (with its key) "
            + "and start again.";
    }

    private void TellLoss(string problem)
    {
        if (!string.Equals(_told, problem, StringComparison.Ordinal))
            _notice?.Invoke(problem, isLoss: true);
        _told = problem;
    }

    private void WriteQueued()
    {
        while (_store is not null && Take())
        {
            var duration = TimeSpan.Zero;
            try
            {
                ThrowIfMoved(); // before, so that nothing of the batch is kept and its callers can be told so
                _committedAt = _time.GetTimestamp();
                Interlocked.Exchange(ref _batchStartedAt, _committedAt);
                _store.Commit(_batch);
                duration = _time.GetElapsedTime(_batchStartedAt);
                if (_files!.Moved is { } moved && !(_files.HasDatabase && _store.TryEmptyLog()))
                    throw new JournalMovedException(moved);
            }
            catch (Exception e)
            {
                // Whatever it is: nothing of the batch is kept, and every caller is told.
                Close(e);
                Fail(_batch);
                break;
            }
            finally
            {
                Interlocked.Exchange(ref _batchStartedAt, 0);
            }

            OnPool(_batch, static write => write.Complete());
            _committed?.Invoke(duration, _batch.Count);
            Checkpoint();
        }

        if (_store is null)
            FailQueued();
    }

    private bool Take()
    {
        _batch.Clear();
        Gather();
        while (_batch.Count < BatchMax && _queue.TryDequeue(out var write))
        {
            if (write.TryTake())
                _batch.Add(write);
        }

        return _batch.Count > 0;
    }

    /// <summary>
    /// A commit costs the processor as much as thirty rows do. At half of saturation, one after the other took a third
    /// of its time (docs/decisions/0003).
    /// </summary>
    private void Gather()
    {
        if (!_queue.IsEmpty && _queue.Count < EnoughWrites && _time.GetElapsedTime(_committedAt) < CommitApart)
            _stopped.Wait(CommitApart);
    }

    private void Purge()
    {
        _purgedAt = _time.GetTimestamp();
        if (Interlocked.Exchange(ref _isPurging, 1) == 0)
            _ = PurgeAsync();
    }

    /// <summary>
    /// A small step with the next batch, then another while there is more to forget: answers wait for a millisecond or
    /// two at the most.
    /// </summary>
    private async Task PurgeAsync()
    {
        try
        {
            while (await WriteAsync(store => store.Purge(_clock.Horizon(_settings.Retention), _clock.NowForClaims))) { }
        }
        catch (JournalUnavailableException)
        {
            // Later, then.
        }
        finally
        {
            Interlocked.Exchange(ref _isPurging, 0);
        }
    }

    private void Checkpoint()
    {
        _writesSinceCheckpoint += _batch.Count;
        if (_finishCheckpoint)
        {
            _finishCheckpoint = false;
            try
            {
                _store!.Checkpoint();
            }
            catch (SqliteException e)
            {
                Close(e);
            }
        }
        else if (
            _writesSinceCheckpoint >= WritesBetweenCheckpoints
            && Interlocked.Exchange(ref _isCheckpointing, 1) == 0
        )
        {
            _writesSinceCheckpoint = 0;
            _ = CheckpointAsync();
        }
    }

    private async Task CheckpointAsync()
    {
        try
        {
            var logPages = await _checkpoints.RunAsync(connection =>
            {
                using var checkpoint = new PreparedQuery(connection, "PRAGMA wal_checkpoint(PASSIVE)");
                return checkpoint.First(found => found.GetInt64(1));
            });
            _finishCheckpoint = logPages > LogPagesMax;
        }
        catch (JournalUnavailableException)
        {
            // The writer will notice by itself.
        }
        finally
        {
            Interlocked.Exchange(ref _isCheckpointing, 0);
        }
    }

    private void Close(Exception e)
    {
        if (e is JournalMovedException && _store is not null)
        {
            Leave(e.Message);
            return;
        }

        _problem = SqliteProblem.Describe(e, _settings.Path);
        _isTaken = e is JournalTakenException;
        if (e is JournalMovedException or JournalTakenException)
            TellLoss(_problem);
        _store?.Dispose();
        _store = null;
    }

    private void FailQueued()
    {
        var queued = new List<SqliteWrite>();
        while (_queue.TryDequeue(out var write))
        {
            if (write.TryTake())
                queued.Add(write);
        }

        Fail(queued);
    }

    private void Fail(List<SqliteWrite> writes)
    {
        var problem = new JournalUnavailableException(_problem ?? "The journal is closed.");
        OnPool(writes, write => write.Fail(problem));
    }

    /// <summary>
    /// Callers go on on the pool, never on the writer's thread; a few one after the other, because to wake a thread for
    /// each costs as much as what it has to do.
    /// </summary>
    private static void OnPool(List<SqliteWrite> writes, Action<SqliteWrite> tell)
    {
        foreach (var some in writes.Chunk(CallersAtATime))
            ThreadPool.UnsafeQueueUserWorkItem(
                told => Array.ForEach(told.some, told.tell),
                (some, tell),
                preferLocal: false
            );
    }
}
