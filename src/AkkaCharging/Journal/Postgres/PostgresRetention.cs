using AkkaCharging.Settings;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>
/// Deletes what is past its time, in small steps and on a connection of its own, so that no answer waits for it.
/// </summary>
/// <remarks>
/// Beside the fence, because it touches nothing that an owner still changes: settled requests and old idempotency keys.
/// </remarks>
/// <param name="clock">Says what is old.</param>
/// <param name="isShared">Whether others settle requests too, which have to be counted now and then.</param>
internal sealed class PostgresRetention(
    NpgsqlDataSource connections,
    JournalSettings settings,
    TimeProvider time,
    JournalClock clock,
    PostgresClock keptClock,
    bool isShared
)
{
    private const int StepRows = 1_000;
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);
    private const int CountSeconds = 600; // all rows are read: 0.25 s a million, more from a slow disk
    private const int CountShare = 20; // of the time at the most one part in so many
    private static readonly TimeSpan RecountEvery = TimeSpan.FromMinutes(1);

    private long _settledRows;

    /// <summary>So many more requests were settled, or fewer, because some were redriven.</summary>
    public void Add(int settled) => Interlocked.Add(ref _settledRows, settled);

    /// <summary>Goes on until <paramref name="stopping"/>; what fails is tried again a little later.</summary>
    /// <param name="isOwner">Only an owner deletes, so that two processes do not get into each other's way.</param>
    public async Task RunAsync(Func<bool> isOwner, CancellationToken stopping)
    {
        var isCounted = false;
        var (countedAt, countAfter) = (0L, RecountEvery);
        long? toldAt = null;
        using var timer = new PeriodicTimer(Period);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping))
            {
                var isTelling =
                    isShared && (toldAt is not { } last || time.GetElapsedTime(last) >= JournalClock.SaveEvery);
                if (!isOwner())
                    isCounted = false;
                if (!isOwner() && !isTelling)
                    continue;

                try
                {
                    await using var connection = await connections.OpenConnectionAsync(stopping);
                    if (isTelling)
                    {
                        await keptClock.TellAsync(connection);
                        toldAt = time.GetTimestamp();
                    }

                    if (!isOwner())
                        continue;
                    if (!isCounted && isShared)
                        await keptClock.ResumeAsync(connection); // another node may have kept it since
                    await keptClock.KeepAsync(connection);
                    if (!isCounted || (isShared && time.GetElapsedTime(countedAt) >= countAfter))
                    {
                        countedAt = time.GetTimestamp();
                        await using var count = connection.Command(
                            "SELECT count(*) FROM charging_request WHERE settled_at IS NOT NULL"
                        );
                        count.CommandTimeout = CountSeconds;
                        Interlocked.Exchange(ref _settledRows, (long)(await count.ExecuteScalarAsync(stopping))!);
                        countAfter = TimeSpan.FromTicks(
                            Math.Max(RecountEvery.Ticks, (time.GetElapsedTime(countedAt) * CountShare).Ticks)
                        );
                    }

                    isCounted = true;
                    while (await StepAsync(connection) && isOwner())
                    {
                        // The next step.
                    }
                }
                catch (NpgsqlException)
                {
                    isCounted = false;
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // What is left is deleted by the next process.
        }
    }

    /// <returns>Whether there may be more.</returns>
    private async Task<bool> StepAsync(NpgsqlConnection connection)
    {
        var old = await DeleteAsync(connection, clock.Horizon(settings.Retention).UtcTicks, StepRows);
        var excess = (int)Math.Clamp(Interlocked.Read(ref _settledRows) - settings.MaxSettledRows, 0, StepRows);
        var many = excess == 0 ? 0 : await DeleteAsync(connection, long.MaxValue, excess);
        var claims = await connection.ExecuteAsync(
            $"""
            DELETE FROM charging_idempotency
            WHERE key_hash IN (SELECT key_hash FROM charging_idempotency WHERE until <= $1 LIMIT $2)
                AND {PostgresClock.NothingTold}
            """,
            clock.NowForClaims.UtcTicks,
            StepRows
        );
        return old == StepRows || many == StepRows || claims == StepRows;
    }

    private async Task<int> DeleteAsync(NpgsqlConnection connection, long settledUntil, int most)
    {
        var deleted = await connection.ExecuteAsync(
            $"""
            DELETE FROM charging_request
            WHERE id IN (
                SELECT id FROM charging_request WHERE settled_at IS NOT NULL AND settled_at <= $1 ORDER BY settled_at LIMIT $2)
                AND settled_at <= $1 -- again, because a redrive may have taken it back since
                AND {PostgresClock.NothingTold}
            """,
            settledUntil,
            most
        );
        Interlocked.Add(ref _settledRows, -deleted);
        return deleted;
    }
}
