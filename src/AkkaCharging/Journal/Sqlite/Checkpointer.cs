using System.Data;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>Copies the log into the database every thousand writes, on a thread of its own.</summary>
/// <param name="thread">Owned by the caller.</param>
internal sealed class Checkpointer(SqliteThread thread)
{
    private const int WritesBetween = 1_000;

    /// <summary>
    /// 64 MiB of log: when the thread cannot keep up, the writer copies the rest itself, which is little by then, so
    /// that the log starts anew.
    /// </summary>
    private const long LogPagesMax = 16_384;

    private volatile bool _isBehind;
    private int _writes;
    private int _isRunning;

    /// <summary>Counts a commit, and copies the log when it is time for that. Called by the writer's thread.</summary>
    /// <exception cref="Microsoft.Data.Sqlite.SqliteException">The log cannot be copied.</exception>
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
        catch (JournalUnavailableException)
        {
            // The writer notices the problem by itself.
        }
        finally
        {
            Interlocked.Exchange(ref _isRunning, 0);
        }
    }
}
