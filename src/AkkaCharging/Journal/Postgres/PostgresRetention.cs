using AkkaCharging.Journal.Retention;
using AkkaCharging.Settings;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>
/// Deletes old or excess rows in small steps and on a connection of its own, so that no request waits for it.
/// </summary>
/// <remarks>
/// It does not need the fence: it deletes old idempotency keys and settled requests, and checks again that a request is
/// still settled, because an owner may redrive it meanwhile.
/// </remarks>
/// <param name="clock">Determines the age of rows.</param>
/// <param name="early">Counts settled requests that are deleted before their retention time.</param>
/// <param name="isShared">Whether other nodes settle requests too, so that requests have to be counted
/// regularly.</param>
/// <param name="notice">Is told when deleting has failed for a minute, and when it works again.</param>
internal sealed class PostgresRetention(
    NpgsqlDataSource connections,
    JournalSettings settings,
    TimeProvider time,
    JournalClock clock,
    PostgresClock keptClock,
    EarlyDeletions early,
    bool isShared,
    JournalNotice? notice
)
{
    private const int StepRows = 1_000;
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);
    private const int CountSeconds = 600; // all rows are read: 0.25 s per million, more from a slow disk
    private const int CountShare = 20; // counting takes at most one part in 20 of the time
    private static readonly TimeSpan RecountEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan FailingMax = TimeSpan.FromMinutes(1); // a failure that lasts longer is told

    private const string DeleteOld = $"""
        WITH deleted AS (
            DELETE FROM charging_request
            WHERE id IN (
                SELECT id FROM charging_request WHERE settled_at IS NOT NULL AND settled_at <= $1 ORDER BY settled_at LIMIT $2)
                AND settled_at <= $1 -- again, because a redrive may have taken it back since
                AND {PostgresClock.NothingTold}
            RETURNING coalesce(api_key, '') AS caller, secrets IS NOT NULL AS is_dead)
        SELECT caller, is_dead, count(*) FROM deleted GROUP BY caller, is_dead
        """;

    // The settlements of other nodes since the last count are unknown. So the counted amounts are lower bounds: a
    // caller whose counted amount exceeds its share really exceeds it.
    private readonly CallerShares _shares = new();
    private volatile bool _isMiscounted;
    private bool _isChanged; // since the latest count began; guarded by the shares
    private long? _failingSince;
    private bool _isFailureTold;

    /// <summary>Adds the changes of a batch that settled, redrove or discarded requests.</summary>
    /// <param name="changes">Null for those of a batch whose commit is in doubt, which have to be counted.</param>
    public void Add(IReadOnlyList<(SettledGroup Group, int Rows)>? changes)
    {
        lock (_shares)
        {
            _isChanged = true;
            _isMiscounted |= changes is null;
            foreach (var (group, rows) in changes ?? [])
                _shares.Add(group, rows);
        }
    }

    /// <summary>Runs until <paramref name="stopping"/>; failed steps are retried after a short time.</summary>
    /// <param name="isOwner">Whether this process owns the journal. Only an owner deletes, so that two processes do not
    /// conflict.</param>
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
                {
                    _failingSince = null;
                    continue;
                }

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
                    if (isShared)
                        await keptClock.KeepAsync(connection);
                    if (!isCounted || ((isShared || _isMiscounted) && time.GetElapsedTime(countedAt) >= countAfter))
                    {
                        countedAt = time.GetTimestamp();
                        await CountAsync(connection, stopping);
                        countAfter = TimeSpan.FromTicks(
                            Math.Max(RecountEvery.Ticks, (time.GetElapsedTime(countedAt) * CountShare).Ticks)
                        );
                    }

                    isCounted = true;
                    while (await StepAsync(connection) && isOwner())
                    {
                        // The next rows follow at once.
                    }

                    TellSuccess();
                }
                catch (Exception e) when (e is not OperationCanceledException || !stopping.IsCancellationRequested)
                {
                    // Catches everything: if the loop ended here, nothing would be deleted any more.
                    isCounted = false;
                    if (isOwner() || !PostgresProblem.IsOne(e))
                        TellFailure(e);
                    else
                        _failingSince = null; // health says that there is no database, or another process deletes
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The next process deletes the rest.
        }
    }

    /// <summary>Tells a failure once: a defect at once, one of the database when it has lasted for a minute.</summary>
    private void TellFailure(Exception e)
    {
        _failingSince ??= time.GetTimestamp();
        var isDefect = !PostgresProblem.IsOne(e);
        if (_isFailureTold || (!isDefect && time.GetElapsedTime(_failingSince.Value) < FailingMax))
            return;
        _isFailureTold = true;
        notice?.Invoke(
            $"Old requests could not be deleted{(isDefect ? "" : " for a minute")}, and the journal grows. "
                + $"This is tried again: {(isDefect ? e.ToString() : PostgresProblem.Describe(e))}",
            isLoss: false
        );
    }

    private void TellSuccess()
    {
        _failingSince = null;
        if (!_isFailureTold)
            return;
        _isFailureTold = false;
        notice?.Invoke("Old requests are deleted again.", isLoss: false);
    }

    /// <summary>
    /// Counts all settled requests; again a minute later when some settled meanwhile, of which it is not known whether
    /// this count has them.
    /// </summary>
    private async Task CountAsync(NpgsqlConnection connection, CancellationToken stopping)
    {
        lock (_shares)
            _isChanged = false;
        await using var count = connection.Command(
            """
            SELECT coalesce(api_key, ''), secrets IS NOT NULL, count(*)
            FROM charging_request WHERE settled_at IS NOT NULL GROUP BY 1, 2
            """
        );
        count.CommandTimeout = CountSeconds;
        await using var rows = await count.ExecuteReaderAsync(stopping);
        var found = new List<(SettledGroup Group, int Rows)>();
        while (await rows.ReadAsync(stopping))
            found.Add((new(rows.GetString(0), rows.GetBoolean(1)), (int)rows.GetInt64(2)));
        lock (_shares)
        {
            _isMiscounted = _isChanged;
            _shares.Clear();
            Add(found);
        }
    }

    /// <returns>Whether there may be more to delete.</returns>
    private async Task<bool> StepAsync(NpgsqlConnection connection)
    {
        var old = await connection.AllAsync(
            row => (Group: new SettledGroup(row.GetString(0), row.GetBoolean(1)), Rows: (int)-row.GetInt64(2)),
            DeleteOld,
            clock.Horizon(settings.Retention).UtcTicks,
            StepRows
        );
        Add(old);
        var excess = await DeleteExcessAsync(connection);
        var claims = await connection.ExecuteAsync(
            $"""
            DELETE FROM charging_idempotency
            WHERE key_hash IN (SELECT key_hash FROM charging_idempotency WHERE until <= $1 LIMIT $2)
                AND {PostgresClock.NothingTold}
            """,
            clock.NowForClaims.UtcTicks,
            StepRows
        );
        return old.Sum(group => -group.Rows) == StepRows || excess == StepRows || claims == StepRows;
    }

    /// <summary>
    /// Deletes excess settled requests with their idempotency keys. The keys of pending requests are kept.
    /// </summary>
    /// <returns>The number of deleted requests.</returns>
    private async Task<int> DeleteExcessAsync(NpgsqlConnection connection)
    {
        Dictionary<SettledGroup, int> leaving;
        lock (_shares)
            leaving = _shares.Take(settings.MaxSettledRows, StepRows);
        var deleted = 0;
        foreach (var (group, rows) in leaving)
        {
            var states = await connection.AllAsync(
                row => StoredNames.StateOfDeleted(row.GetString(0)),
                DeleteOldest(group.AreDeadLetters ? "secrets IS NOT NULL" : "secrets IS NULL"),
                group.Caller,
                rows
            );
            early.Report([.. states.Select(state => (group.Caller, state))]);
            deleted += states.Count;
            if (states.Count == rows)
                continue;
            Add([(group, rows - states.Count)]); // another node reported a reading or changed the rows
            _isMiscounted = true;
        }

        return deleted;
    }

    // The condition is repeated, because a redrive or a discard may have changed the row since.
    private static string DeleteOldest(string condition) =>
        $"""
            WITH deleted AS (
                DELETE FROM charging_request
                WHERE id IN (
                    SELECT id FROM charging_request
                    WHERE coalesce(api_key, '') = $1 AND settled_at IS NOT NULL AND {condition}
                    ORDER BY settled_at LIMIT $2)
                    AND settled_at IS NOT NULL AND {condition}
                    AND {PostgresClock.NothingTold}
                RETURNING id, state),
            forgotten AS (DELETE FROM charging_idempotency WHERE id IN (SELECT id FROM deleted))
            SELECT state FROM deleted
            """;
}
