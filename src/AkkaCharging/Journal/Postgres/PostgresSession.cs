using System.Data;
using AkkaCharging.Journal.Encryption;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>
/// The owner's session: it holds the lock and makes all writes, so that whoever can write owns the journal.
/// </summary>
/// <remarks>
/// That is the fence. PostgreSQL releases a session's advisory lock when, and not before, the session and whatever it
/// was still committing have ended: an owner that was cut off cannot write after its successor began, however long it
/// goes on. Nodes of a cluster hold it together, and are fenced by their lanes: <see cref="PostgresLanes"/>. It needs a
/// session of its own end to end: a pooler in between must pool sessions, not transactions.
/// </remarks>
internal sealed class PostgresSession : IAsyncDisposable
{
    /// <summary>
    /// "AkCh", the first half of the lock's key; the second is the schema. Locks are a database's own.
    /// </summary>
    private const int LockClass = 0x416B_4368;

    // The server notices an owner that vanished without a word within 3 s, and stops what it does for one that has hung
    // up. A commit waits for the disk. And every write goes by the key of its rows: without statistics, which a table
    // that grew from nothing within seconds has not, a plan may read the whole of it for each batch instead, and stay
    // (measured: 430 us of the server's time a request instead of 31).
    private const string Bounds = """
        SELECT set_config(name, bound, false) FROM pg_settings JOIN (VALUES
            ('tcp_keepalives_idle', '1'), ('tcp_keepalives_interval', '1'), ('tcp_keepalives_count', '2'),
            ('tcp_user_timeout', '3000'),
            ('client_connection_check_interval', '1000'), ('statement_timeout', '5000'),
            ('enable_seqscan', 'off'), ('enable_hashjoin', 'off'), ('enable_mergejoin', 'off'),
            ('default_transaction_isolation', 'read committed')) AS ours (name, bound) USING (name)
        UNION ALL SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
        """;

    private PostgresSession(NpgsqlConnection connection) => Connection = connection;

    public NpgsqlConnection Connection { get; }

    /// <summary>Connects, and refuses a journal that this process could not use if it owned it.</summary>
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

    /// <summary>Takes the lock, unless another session holds it; it is held until this session ends.</summary>
    /// <param name="isShared">With the other nodes of a cluster: no process that runs alone can have it then.</param>
    public Task<bool> TryLockAsync(bool isShared) =>
        Connection.ScalarAsync<bool>(
            $"SELECT pg_try_advisory_lock{(isShared ? "_shared" : "")}({LockClass}, "
                + "hashtext(coalesce(current_schema(), '')))"
        );

    /// <summary>Gives back the lock that is not shared.</summary>
    public Task UnlockAsync() =>
        Connection.ExecuteAsync($"SELECT pg_advisory_unlock({LockClass}, hashtext(coalesce(current_schema(), '')))");

    /// <summary>Who holds the lock, as far as is known.</summary>
    public async Task<string> HolderAsync() =>
        await Connection.ScalarAsync<bool>("SELECT to_regclass('charging_owner') IS NOT NULL")
        && await Connection.ScalarAsync<string>("SELECT holder FROM charging_owner") is { } holder
            ? holder
            : "another process"; // it has the lock and is about to write its name

    /// <summary>
    /// Begins a term, or goes on with that of <paramref name="instance"/> when nobody else had one since.
    /// </summary>
    /// <returns>The term's number.</returns>
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

    /// <summary>
    /// Takes back requests whose callers were told that they were not kept, should they have been after all.
    /// </summary>
    /// <remarks>What an owner in between has taken up and decided stays: it was called back for.</remarks>
    /// <param name="lanes">Where this node may write; null for everywhere.</param>
    public async Task TakeBackAsync(Guid[] ids, short[]? lanes)
    {
        await using var batch = new NpgsqlBatch(Connection);
        batch.Add(
            "DELETE FROM charging_request WHERE id = ANY ($1) AND state = 'queued' AND ($2::smallint[] IS NULL "
                + "OR lane = ANY ($2))",
            ids,
            lanes
        );
        batch.Add(
            "DELETE FROM charging_idempotency kept WHERE id = ANY ($1) AND NOT EXISTS (SELECT 1 FROM "
                + "charging_request request WHERE request.id = kept.id)",
            ids
        );
        await batch.ExecuteNonQueryAsync();
    }

    /// <summary>
    /// Makes dead letters again of those whose callers were told that they were not redriven, should they have been
    /// after all.
    /// </summary>
    /// <remarks>What an owner in between has settled stays so.</remarks>
    /// <param name="lanes">Where this node may write; null for everywhere.</param>
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
    /// Gives the lock back, then closes: by the close alone the next owner would have to wait for the server to notice.
    /// </summary>
    /// <remarks>
    /// An answer means that the server is done with all that was asked before; without one the end of the session
    /// releases the lock.
    /// </remarks>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (Connection.State == ConnectionState.Open)
                await Connection.ExecuteAsync("SELECT pg_advisory_unlock_all()");
        }
        catch (NpgsqlException)
        {
            // The session ends all the same.
        }

        await Connection.DisposeAsync();
    }
}
