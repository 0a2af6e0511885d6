using AkkaCharging.Files;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Retention;
using AkkaCharging.Settings;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>
/// Owns the journal's files: takes the lock, opens the database, and checks that they stay in place.
/// </summary>
/// <remarks>
/// The lock is held from the first successful attempt until this object is disposed, while the database is closed and
/// reopened after each error. After a failure of the disk, nothing is trusted that a failed sync was to keep: it is
/// written again, or the journal stays closed (docs/decisions/0017). Called on the writer's thread only, except for
/// <see cref="DoubtCopy"/>.
/// </remarks>
/// <param name="others">The other connections of this process, which are paused while files are created again and
/// disposed with this object.</param>
/// <param name="notice">Notifies the operator of file problems.</param>
/// <param name="early">Counts settled requests that are deleted before their retention time.</param>
internal sealed class SqliteOwner(
    JournalSettings settings,
    TimeProvider time,
    JournalClock clock,
    IReadOnlyList<SqliteThread> others,
    JournalNotice? notice,
    EarlyDeletions? early
) : IDisposable
{
    private readonly FileRescue _rescue = new(settings, time, others, notice);
    private OwnerLock? _lock;
    private long? _epoch;
    private bool _hasStrayLog;
    private volatile Exception? _copyFailure;

    /// <summary>
    /// Keeps SQLite's index of the log while the database is closed after a failure of the disk. Without it, the next
    /// connection would recover the failed commit from the log, and callers have been told that it was not made; with
    /// it, the next commit overwrites the failed one. It also keeps files open that were removed or replaced, until
    /// their content is saved.
    /// </summary>
    private SqliteConnection? _index;

    /// <summary>The files that <see cref="_index"/> has open.</summary>
    private JournalFiles? _files;
    private KeyRing? _keys;

    /// <summary>The open database; null while it is closed.</summary>
    public SqliteStore? Store { get; private set; }

    /// <summary>Whether a copy of the log into the database has failed, and was not yet made again.</summary>
    public bool IsCopyInDoubt => _copyFailure is not null;

    /// <summary>
    /// Whether the content of files that were removed or replaced is in the database, since the latest error.
    /// </summary>
    public bool IsRescued { get; private set; }

    private bool WasOpen => _epoch is not null;

    /// <summary>Opens the database unless it is open, and checks that this process still owns it.</summary>
    /// <returns>The problem of a journal that another process owns; null when the database is open.</returns>
    /// <exception cref="InvalidJournalException">The journal is unusable.</exception>
    /// <exception cref="JournalMovedException">Files were removed or replaced.</exception>
    /// <exception cref="JournalTakenException">Another process has opened the journal since.</exception>
    public string? Open()
    {
        if (_index is not null)
            ThrowIfMoved(); // before anything else is opened: Close rescues the content of removed files
        if (IsCopyInDoubt)
            CloseStore();
        if (Store is null && !TryOpen())
            return $"The journal {settings.Path} is in use by {OwnerLock.Holder(settings)}; this process waits for it.";
        ThrowIfMoved();
        Store!.CheckOwner();
        foreach (var other in others)
            other.Resume();
        _hasStrayLog = false;
        _rescue.Reset();
        return null;
    }

    /// <exception cref="JournalMovedException">Files were removed or replaced.</exception>
    public void ThrowIfMoved()
    {
        if (_files!.Moved is { } moved)
            throw new JournalMovedException(moved);
    }

    /// <summary>Ensures that a commit is in the file that the next process will read.</summary>
    /// <exception cref="JournalMovedException">The commit is in a file that was removed or replaced.</exception>
    public void SecureCommit()
    {
        if (_files!.Moved is { } moved && !(_files.HasDatabase && Store!.TryEmptyLog()))
            throw new JournalMovedException(moved);
    }

    /// <summary>
    /// Notes that a copy of the log into the database has failed. The next <see cref="Open"/> makes it again; until
    /// then none may be made. Called on any thread.
    /// </summary>
    public void DoubtCopy(Exception failure) => _copyFailure = failure;

    /// <summary>Closes the database after an error, and saves the content of files that were moved.</summary>
    /// <returns>The problem, for health.</returns>
    public string Close(Exception e)
    {
        if (e is JournalTakenException || (Store is not null && !SqliteProblem.IsOfDisk(e) && _files?.Moved is null))
            CloseIndex();
        CloseStore();
        if (RescueMoved(isLast: false) is { } moved)
            return moved;
        var problem = SqliteProblem.Describe(e, settings.Path);
        if (e is JournalMovedException or JournalTakenException)
            _rescue.ReportLoss(problem);
        return problem;
    }

    /// <summary>
    /// Saves the content of files that were removed or replaced. They stay open until that loses nothing.
    /// </summary>
    /// <param name="isLast">Whether the process ends.</param>
    /// <returns>The problem; null when all files are in place.</returns>
    public string? RescueMoved(bool isLast)
    {
        IsRescued = false;
        if (_index is null || _files!.Moved is not { } moved)
            return null;
        CloseStore();
        var (problem, isSafe) = _rescue.Run(_index, _keys!, _files, moved, isLast);
        if (isSafe)
        {
            _hasStrayLog = !_files.HasLog;
            IsRescued = true;
            CloseIndex(); // the last connection removes the log next to the database, even another program's
        }

        return problem;
    }

    /// <summary>Closes the database, which checkpoints its log, and releases the lock.</summary>
    public void Dispose()
    {
        foreach (var other in others)
            other.Dispose();
        CloseIndex();
        CloseStore();
        _lock?.Dispose();
    }

    private void CloseStore()
    {
        if (IsCopyInDoubt)
            Store?.KeepLog();
        Store?.Dispose();
        Store = null;
    }

    private void CloseIndex()
    {
        if (IsCopyInDoubt && _index is not null)
            SqliteFile.KeepLog(_index);
        _index?.Dispose();
        _index = null;
    }

    private bool TryOpen()
    {
        var path = SqliteFile.RealPath(settings.Path);
        var folder = Path.GetDirectoryName(path)!;
        PrivateFile.MakeFolder(folder);
        _lock ??= OwnerLock.TryTake(settings, time);
        if (_lock is null || !_lock.TryRenew())
            return false;
        ThrowIfReplaced(path, _lock.Database);
        if (_hasStrayLog && new FileInfo(path + "-wal") is { Exists: true, Length: > 0 })
            throw new JournalMovedException(
                $"The journal {settings.Path} lies next to the log of another program, which must not be applied to "
                    + $"it: move {path}-wal away."
            );

        var isFirst = !WasOpen;
        OpenStore();
        if (IsCopyInDoubt)
            CopyAgain();
        Folder.Sync(folder); // SQLite does it when it makes the log, and ignores a failure
        if (isFirst)
            KeepPrivate(path, folder);
        return true;
    }

    private void OpenStore()
    {
        Store = SqliteStore.Open(settings, time, _epoch, clock, early, isRecovered: _index is null, known: _keys);
        (_epoch, _keys) = (Store.Epoch, Store.Secrets.Keys);
        if (_index is not null)
            return;
        _index = SqliteFile.OpenExisting(settings);
        _files = new JournalFiles(
            SqliteFile.RealPath(settings.Path),
            _lock!.Database,
            KeySource.NeedsGenerated(settings) ? KeySource.GeneratedFile(settings) : null
        );
    }

    /// <summary>
    /// Copies the whole log into the database again. SQLite copies it in parts, and syncs the database after the last
    /// one only. When that fails, pages of any part may be lost, and it would repeat the last part alone.
    /// </summary>
    /// <remarks>
    /// SQLite forgets what it has copied with its index, which goes with the last connection. <see cref="OpenStore"/>
    /// has just made a commit, so that the log ends with one, and not with a failed one.
    /// </remarks>
    private void CopyAgain()
    {
        var problem =
            $"The journal {settings.Path} has to be copied from its log again: "
            + SqliteProblem.Describe(_copyFailure!, settings.Path);
        // before this one, because the last connection that is closed removes the log unless it is told to keep it
        var paused = Task.WhenAll(others.Select(other => other.PauseAsync(problem))).Wait(SqliteWriter.Patience);
        CloseIndex();
        CloseStore();
        if (!paused || _lock!.IsDatabaseInUse)
            throw new JournalUnavailableException($"{problem} Another process has it open: end that first.");

        OpenStore();
        if (!Store!.TryEmptyLog())
            throw new JournalUnavailableException(problem);
        _copyFailure = null;
    }

    /// <summary>
    /// Ensures that a database that was open once is never created again: an empty or different journal in its place
    /// would hide the loss.
    /// </summary>
    private void ThrowIfReplaced(string path, FileIdentity? database)
    {
        if (database is null || FileIdentity.TryGet(FileIdentity.Name(path)) == database)
            return;
        if (!WasOpen)
        {
            _lock!.Dispose();
            _lock = null;
        }

        throw new JournalMovedException(
            $"The journal {settings.Path} was removed or replaced under this process, which waits for the same "
                + "file: put it back, or stop this process."
        );
    }

    /// <summary>
    /// Makes files private that an earlier version created with the umask's mode; SQLite gives new files the database's
    /// mode.
    /// </summary>
    private void KeepPrivate(string path, string folder)
    {
        string[] files =
        [
            path,
            path + "-wal",
            path + "-shm",
            path + ".lock",
            path + ".owner",
            KeySource.GeneratedFile(settings),
        ];
        foreach (var file in files)
        {
            if (PrivateFile.Tighten(file) is { } problem)
                notice?.Invoke(problem, isLoss: false);
        }

        if (PrivateFile.IsEmptiedByAnybody(folder))
            notice?.Invoke(
                "Any user of this machine can remove the journal's files: everyone can write to its folder "
                    + $"{folder}. Set its mode to 0700.",
                isLoss: false
            );
    }
}
