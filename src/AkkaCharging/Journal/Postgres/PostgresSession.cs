using System.Data;
using AkkaCharging.Journal.Encryption;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>
/// The owner's session, which holds the lock and makes all writes: only the owner of the journal can write.
/// </summary>
/// <remarks>
/// The session is the fence. PostgreSQL releases a session's advisory lock only when the session, including any running
/// commit, has ended: an owner that was cut off cannot write after its successor has begun. Nodes of a cluster share
/// the lock, and are fenced by their lanes: <see cref="PostgresLanes"/>. The session must not be shared: a connection
/// pooler in between must pool sessions, not transactions.
/// </remarks>
internal sealed class PostgresSession : IAsyncDisposable
{
    /// <summary>
    /// First half of the lock's key ("AkCh"); the second half is the schema. Locks are local to a database.
    /// </summary>
    private const int LockClass = 0x416B_4368;

    // The server detects a vanished owner within 3 s, ends one that is frozen between the statements of a transaction
    // after 5 s, because others may wait for its locks, and stops working for one that has closed its connection. A
    // commit waits for the disk. Every write uses the key of its rows: without statistics, which a table that grew
    // within seconds does not have yet, a plan may read the whole table for each batch and be kept (measured: 430 us of
    // the server's time a request instead of 31).
    private const string Bounds = """
        SELECT set_config(name, bound, false) FROM pg_settings JOIN (VALUES
            ('tcp_keepalives_idle', '1'), ('tcp_keepalives_interval', '1'), ('tcp_keepalives_count', '2'),
            ('tcp_user_timeout', '3000'),
            ('client_connection_check_interval', '1000'), ('statement_timeout', '5000'),
            ('idle_in_transaction_session_timeout', '5000'),
            ('enable_seqscan', 'off'), ('enable_hashjoin', 'off'), ('enable_mergejoin', 'off'),
            ('default_transaction_isolation', 'read committed')) AS ours (name, bound) USING (name)
        UNION ALL SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
        """;

    private PostgresSession(NpgsqlConnection connection) => Connection = connection;

    public NpgsqlConnection Connection { get; }

    /// <summary>Connects, and rejects a journal that this process could not use as its owner.</summary>
    public static async Task<PostgresSession> OpenAsync(
        PostgresConnections connections,
        KeyRing keys,
        CancellationToken cancellationToken
    )
    {
        var session = new PostgresSession(await connections.OpenOwnAsync(cancellationToken));
        try
        {
            await session.Connection.ExecuteAsync(Bounds);
            await PostgresSchema.CheckAsync(session.Connection, keys);
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>Takes the lock, unless another session holds it. The lock is held until this session ends.</summary>
    /// <param name="isShared">Whether to share the lock with the other nodes of a cluster, which excludes processes
    /// that run alone.</param>
    public Task<bool> TryLockAsync(bool isShared) =>
        Connection.ScalarAsync<bool>(
            $"SELECT pg_try_advisory_lock{(isShared ? "_shared" : "")}({LockClass}, "
                + "hashtext(coalesce(current_schema(), '')))"
        );

    /// <summary>Releases the exclusive lock.</summary>
    public Task UnlockAsync() =>
        Connection.ExecuteAsync($"SELECT pg_advisory_unlock({LockClass}, hashtext(coalesce(current_schema(), '')))");

    /// <summary>Describes the holder of the lock, as far as is known.</summary>
    public async Task<string> HolderAsync() =>
        await Connection.ScalarAsync<bool>("SELECT to_regclass('charging_owner') IS NOT NULL")
        && await Connection.ScalarAsync<string>("SELECT holder FROM charging_owner") is { } holder
            ? holder
            : "another process"; // it has the lock and is about to write its name

    /// <summary>
    /// Begins a term, or continues that of <paramref name="instance"/> when no other process had one since.
    /// </summary>
    /// <returns>The number of the term.</returns>
    public Task<long> BeginTermAsync(Guid instance, string holder) =>
        Connection.ScalarAsync<long>(
            """
            INSERT INTO charging_owner AS term (epoch, instance, holder) VALUES (1, $1, $2)
            ON CONFLICT (single) DO UPDATE SET
                epoch = term.epoch + (term.instance <> excluded.instance)::int,
                instance = excluded.instance,
                holder = excluded.holder
            RETURNING epoch
            """,
            instance,
            holder
        );

    /// <summary>Removes requests that were stored although their callers got an error.</summary>
    /// <remarks>
    /// A request that another owner has decided in between is kept, because its callback was or will be sent. So is one
    /// that another process has confirmed to a caller who repeated its idempotency key (term 0).
    /// </remarks>
    /// <param name="lanes">The lanes that this node may write to; null for all.</param>
    /// <returns>The lanes of the requests that are kept and undecided, to be resumed.</returns>
    public async Task<List<int>> TakeBackAsync(Guid[] ids, short[]? lanes)
    {
        await using var batch = new NpgsqlBatch(Connection);
        batch.Add(
            "DELETE FROM charging_request WHERE id = ANY ($1) AND state = 'queued' AND epoch <> 0 "
                + "AND ($2::smallint[] IS NULL OR lane = ANY ($2))",
            ids,
            lanes
        );
        batch.Add(
            "DELETE FROM charging_idempotency kept WHERE id = ANY ($1) AND NOT EXISTS (SELECT 1 FROM "
                + "charging_request request WHERE request.id = kept.id)",
            ids
        );
        if (lanes is null)
            // What another owner has decided, or a caller has confirmed, is resumed like what others accepted. A lane
            // has a new term instead.
            batch.Add("UPDATE charging_request SET epoch = 0 WHERE id = ANY ($1) AND settled_at IS NULL", ids);
        await batch.ExecuteNonQueryAsync();
        return await Connection.AllAsync(
            row => (int)row.GetInt16(0),
            "SELECT DISTINCT lane FROM charging_request WHERE id = ANY ($1) AND state = 'queued' AND lane = ANY ($2)",
            ids,
            lanes ?? []
        );
    }

    /// <summary>Turns requests back into dead letters that were redriven although their callers got an error.</summary>
    /// <remarks>A request that another owner has settled in between is kept.</remarks>
    /// <param name="lanes">The lanes that this node may write to; null for all.</param>
    public Task PutBackAsync(IReadOnlyCollection<RedriveWrite> redrives, short[]? lanes) =>
        Connection.ExecuteAsync(
            """
            UPDATE charging_request kept SET
                state = 'failed',
                settled_at = old.settled_at
            FROM unnest($1, $2, $3) AS old (id, settled_at, redriven_at)
            WHERE kept.id = old.id AND kept.settled_at IS NULL AND kept.redriven_at = old.redriven_at
                AND ($4::smallint[] IS NULL OR kept.lane = ANY ($4))
            """,
            redrives.Select(write => write.Id.Value).ToArray(),
            redrives.Select(write => write.Redrive.SettledAt).ToArray(),
            redrives.Select(write => write.Redrive.At).ToArray(),
            lanes
        );

    /// <summary>
    /// Releases the lock, then closes the session. If it were only closed, the next owner would have to wait until the
    /// server notices.
    /// </summary>
    /// <remarks>
    /// An answer means that the server has completed all earlier commands; without an answer, the end of the session
    /// releases the lock.
    /// </remarks>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (Connection.State == ConnectionState.Open)
                await Connection.ExecuteAsync("SELECT pg_advisory_unlock_all()");
        }
        catch (Exception e) when (PostgresProblem.IsOne(e))
        {
            // The session ends in any case.
        }

        await Connection.DisposeAsync();
    }
}
