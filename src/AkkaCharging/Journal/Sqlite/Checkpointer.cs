using System.Data;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>Checkpoints the log into the database every thousand writes, on a thread of its own.</summary>
/// <param name="thread">The thread, which the caller owns.</param>
/// <param name="failed">Notified on any thread when the disk has failed during a checkpoint.</param>
internal sealed class Checkpointer(SqliteThread thread, Action<SqliteException> failed)
{
    private const int WritesBetween = 1_000;

    /// <summary>
    /// Length of the log (64 MiB) above which the writer checkpoints the rest itself, because the thread cannot keep
    /// up. The rest is small by then, and the log starts anew.
    /// </summary>
    private const long LogPagesMax = 16_384;

    private volatile bool _isBehind;
    private int _writes;
    private int _isRunning;

    /// <summary>Counts a commit, and starts a checkpoint when it is due. Called on the writer's thread.</summary>
    /// <exception cref="SqliteException">The checkpoint failed.</exception>
    public void CountCommit(SqliteStore store, int writes)
    {
        _writes += writes;
        if (_isBehind)
        {
            _isBehind = false;
            store.Checkpoint();
        }
        else if (_writes >= WritesBetween && Interlocked.Exchange(ref _isRunning, 1) == 0)
        {
            _writes = 0;
            _ = RunAsync();
        }
    }

    private async Task RunAsync()
    {
        try
        {
            var logPages = await thread.RunAsync(connection =>
            {
                using var checkpoint = new PreparedQuery(connection, "PRAGMA wal_checkpoint(PASSIVE)");
                return checkpoint.First(found => found.GetInt64("log"));
            });
            _isBehind = logPages > LogPagesMax;
        }
        catch (JournalUnavailableException e)
        {
            // The writer detects any other problem itself.
            if (e.InnerException is SqliteException sqlite && SqliteProblem.IsOfDisk(sqlite))
                failed(sqlite);
        }
        finally
        {
            Interlocked.Exchange(ref _isRunning, 0);
        }
    }
}
