using AkkaCharging.Files;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Settings;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>
/// Saves the content of files that were removed or replaced while the journal was open, and that no other process can
/// find (docs/decisions/0008).
/// </summary>
/// <param name="others">The other connections of this process.</param>
/// <param name="notice">Notifies the operator of each loss once.</param>
internal sealed class FileRescue(
    JournalSettings settings,
    TimeProvider time,
    IReadOnlyList<SqliteThread> others,
    JournalNotice? notice
)
{
    // The copy is as large as the journal.
    private static readonly TimeSpan SaveInterval = TimeSpan.FromMinutes(1);

    private string? _savedAs;
    private string? _saveProblem;
    private long? _triedToSaveAt;
    private string? _reported;

    /// <summary>Resets the rescue, because all files are in place again.</summary>
    public void Reset() => (_savedAs, _triedToSaveAt, _reported) = (null, null, null);

    /// <summary>Checkpoints the log into the database, or saves a copy of a database that was removed.</summary>
    /// <param name="connection">A connection that has the files open.</param>
    /// <param name="keys">The keys of the journal.</param>
    /// <param name="moved">Names of the removed or replaced files.</param>
    /// <param name="isLast">Whether this is the last chance to save a copy.</param>
    /// <returns>The problem, and whether the database can be closed without loss.</returns>
    public (string Problem, bool IsSafe) Run(
        SqliteConnection connection,
        KeyRing keys,
        JournalFiles files,
        string moved,
        bool isLast
    )
    {
        var isSafe = false;
        var problem = files.HasDatabase
            ? $"Files of the journal {settings.Path} were removed or replaced under this process: {moved}."
            : $"The journal {settings.Path} was removed or replaced under this process.";
        try
        {
            // Connections of one process share the -shm file, so all have to close a removed one.
            if (
                !Task.WhenAll(others.Select(other => other.PauseAsync(problem))).Wait(SqliteWriter.Patience)
                || !SqliteFile.TryEmptyLog(connection)
            )
            {
                problem +=
                    " Another process is reading the journal; when it ends, the content of these files is copied "
                    + "into the database.";
            }
            else if (files.HasDatabase)
            {
                problem += LetGo(keys);
                isSafe = true;
            }
            else
            {
                problem += Save(connection, files, isLast);
            }
        }
        catch (Exception e)
        {
            // After any failure, the database stays open and the rescue is retried.
            problem +=
                " Their content cannot be copied into the database at present: "
                + $"{SqliteProblem.Describe(e, settings.Path)}";
        }

        ReportLoss(problem);
        return (problem, isSafe);
    }

    /// <summary>Notifies the operator, once for each text.</summary>
    public void ReportLoss(string problem)
    {
        if (!string.Equals(_reported, problem, StringComparison.Ordinal))
            notice?.Invoke(problem, isLoss: true);
        _reported = problem;
    }

    private string LetGo(KeyRing keys)
    {
        if (KeySource.NeedsGenerated(settings))
            KeySource.PutBack(KeySource.GeneratedFile(settings), keys);
        if (_savedAs is not null)
            File.Delete(_savedAs); // the file is back
        _savedAs = null;
        return " Nothing is lost: the database contains everything, and the files are created again now. Find out "
            + "what removed them, and prevent it while the service runs.";
    }

    private string Save(SqliteConnection connection, JournalFiles files, bool isLast)
    {
        if (_savedAs is null && (isLast || _triedToSaveAt is not { } last || time.GetElapsedTime(last) >= SaveInterval))
            TrySave(connection);
        const string Wait = " This process accepts no requests until the same file is back. ";
        if (_savedAs is null)
            return $"{Wait}Its content could not be saved, which is tried again once a minute: {_saveProblem} Put the "
                + "file back, or make room for a copy; do not stop this process before.";

        if (files.HasLog)
        {
            // SQLite would take these files for the log of another database at this path. Both this database and
            // the copy contain all of their content.
            var path = SqliteFile.RealPath(settings.Path);
            File.Delete(path + "-wal");
            File.Delete(path + "-shm");
        }

        return $"{Wait}All of its content is saved as {_savedAs}. Put the file back; if that is impossible, stop this "
            + "process, put the copy in its place (with its key) and start again.";
    }

    private void TrySave(SqliteConnection connection)
    {
        _triedToSaveAt = time.GetTimestamp();
        try
        {
            var path = SqliteFile.RealPath(settings.Path);
            var copy = $"{path}.saved-{time.GetUtcNow():yyyyMMddTHHmmssZ}";
            PrivateFile.MakeFolder(Path.GetDirectoryName(path)!);
            PrivateFile.Open(copy, FileMode.CreateNew, FileAccess.Write, FileShare.None).Dispose();
            try
            {
                SqliteFile.SaveAs(connection, copy);
                _savedAs = copy;
            }
            finally
            {
                if (_savedAs is null)
                    File.Delete(copy); // a part of the journal must not be taken for all of it
            }
        }
        catch (Exception e)
        {
            // After any failure, the database stays open and another copy is tried.
            _saveProblem = SqliteProblem.Describe(e, settings.Path);
        }
    }
}
