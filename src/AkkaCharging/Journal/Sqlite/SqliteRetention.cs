using AkkaCharging.Settings;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>Deletes once a minute what is past its time: settled requests and idempotency keys.</summary>
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

    /// <summary>Starts a sweep when it is time for one. Called by the writer's thread.</summary>
    public void SweepWhenDue()
    {
        if (time.GetElapsedTime(_startedAt) < Period)
            return;
        _startedAt = time.GetTimestamp();
        if (Interlocked.Exchange(ref _isRunning, 1) == 0)
            _ = SweepAsync();
    }

    /// <summary>
    /// Adds a small step to the next batch, then another while there is more to delete: other writes wait for a
    /// millisecond or two at most.
    /// </summary>
    private async Task SweepAsync()
    {
        try
        {
            while (await write(store => store.Purge(clock.Horizon(settings.Retention), clock.NowForClaims))) { }
        }
        catch (JournalUnavailableException)
        {
            // The next sweep deletes it.
        }
        finally
        {
            Interlocked.Exchange(ref _isRunning, 0);
        }
    }
}
