using AkkaCharging.Settings;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>Deletes old settled requests and idempotency keys once a minute.</summary>
/// <param name="write">Queues a write.</param>
internal sealed class SqliteRetention(
    JournalSettings settings,
    JournalClock clock,
    TimeProvider time,
    Func<Func<SqliteStore, bool>, Task<bool>> write
)
{
    private static readonly TimeSpan Period = TimeSpan.FromMinutes(1);

    private long _startedAt = time.GetTimestamp();
    private int _isRunning;

    /// <summary>Starts a sweep when one is due. Called on the writer's thread.</summary>
    public void SweepWhenDue()
    {
        if (time.GetElapsedTime(_startedAt) < Period)
            return;
        _startedAt = time.GetTimestamp();
        if (Interlocked.Exchange(ref _isRunning, 1) == 0)
            _ = SweepAsync();
    }

    /// <summary>
    /// Adds a small step to the next batch, then another while there is more to delete. Other writes wait for one or
    /// two milliseconds at most.
    /// </summary>
    private async Task SweepAsync()
    {
        try
        {
            while (await write(store => store.Purge(clock.Horizon(settings.Retention), clock.NowForClaims))) { }
        }
        catch (JournalUnavailableException)
        {
            // The next sweep deletes the rest.
        }
        finally
        {
            Interlocked.Exchange(ref _isRunning, 0);
        }
    }
}
