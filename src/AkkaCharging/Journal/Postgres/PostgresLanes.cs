using System.Collections.Immutable;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>
/// The lanes that a node of a cluster holds, and the fence that prevents its writes to any other lane.
/// </summary>
/// <remarks>
/// Each batch first locks the node's own row at the version that the node knows. A node that takes a lane away raises
/// that version first: it waits for a batch that is being committed, and every later batch fails before it has changed
/// anything. The fenced node then reads which lanes it still holds, and writes again. A lane may be opened and closed
/// on any thread; everything else happens in the writer's loop.
/// </remarks>
internal sealed class PostgresLanes
{
    /// <summary>The SQLSTATE that <c>charging_fence</c> raises.</summary>
    private const string FencedState = "AKC01";

    /// <summary>
    /// First half of the key of the lock that a node's session holds ("AkCn"), by which other nodes see that it is
    /// connected; the second half is the node.
    /// </summary>
    public const int NodeLockClass = 0x416B_436E;

    private readonly int _count;
    private readonly Guid _node;
    private readonly string _holder;
    private readonly TimeProvider _time;
    private readonly Action<int> _lost;
    private readonly Action<int> _behind;
    private ImmutableSortedDictionary<int, HeldLane> _held = ImmutableSortedDictionary<int, HeldLane>.Empty;
    private long _version;
    private uint _turn;

    /// <param name="count">Number of lanes of the whole cluster.</param>
    /// <param name="lost">Notified of each lane that was taken away from this node.</param>
    /// <param name="behind">Notified of each held lane whose journal has requests that the lane does not have.</param>
    public PostgresLanes(
        int count,
        Guid node,
        string holder,
        TimeProvider time,
        Action<int> lost,
        Action<int> behind
    ) => (_count, _node, _holder, _time, _lost, _behind) = (count, node, holder, time, lost, behind);

    /// <summary>The lanes that this node may write to.</summary>
    public short[] Held => [.. Volatile.Read(ref _held).Keys.Select(lane => (short)lane)];

    public static bool IsFenced(Exception e) => e is PostgresException { SqlState: FencedState };

    /// <summary>Whether a lane was not taken, because its holder did not end what it was writing.</summary>
    public static bool IsHeld(PostgresException e) => e is { SqlState: PostgresErrorCodes.LockNotAvailable };

    /// <summary>Adds the fence to the start of a batch.</summary>
    public void AddFence(NpgsqlBatch batch) => batch.Add("SELECT FROM charging_fence($1, $2)", _node, _version);

    /// <summary>
    /// Throws when a lane was taken away since <see cref="ReloadAsync"/>, or when requests cannot be written. A node
    /// that has nothing to write notices that as early as the others, which would else end themselves.
    /// </summary>
    public async Task CheckAsync(NpgsqlConnection connection)
    {
        await using var batch = new NpgsqlBatch(connection);
        AddFence(batch);
        batch.Add("UPDATE charging_request SET lane = lane WHERE false");
        await batch.ExecuteNonQueryAsync();
    }

    /// <summary>
    /// Returns the lane for the next new requests, and its term; open lanes take turns. Null when none is open.
    /// </summary>
    public (short Lane, long Term)? Next()
    {
        var open = Volatile.Read(ref _held).Where(held => held.Value.IsOpen).ToList();
        return open.Count == 0 ? null
            : open[(int)(_turn++ % (uint)open.Count)] is var (lane, held) ? ((short)lane, held.Term)
            : null;
    }

    /// <summary>Opens a held lane to new requests, or closes it.</summary>
    public void SetOpen(int lane, bool isOpen) =>
        ImmutableInterlocked.Update(
            ref _held,
            held => held.TryGetValue(lane, out var found) ? held.SetItem(lane, found with { IsOpen = isOpen }) : held
        );

    /// <summary>
    /// Registers this node, and continues with those of its lanes that no other node took since its last session.
    /// </summary>
    /// <exception cref="InvalidJournalException">The running cluster on this journal has another number of
    /// lanes.</exception>
    public async Task JoinAsync(NpgsqlConnection connection, PostgresSession session)
    {
        await connection.ExecuteAsync($"SELECT pg_advisory_lock({NodeLockClass}, hashtext($1::text))", _node);
        await MakeAsync(connection, session);
        await ReloadAsync(connection);
    }

    /// <summary>Reads which lanes this node still holds, and reports those it has lost.</summary>
    public async Task ReloadAsync(NpgsqlConnection connection)
    {
        // The version is read first: when a lane is taken in between, the fence stops the next batch too.
        _version = await connection.ScalarAsync<long>(
            "INSERT INTO charging_node (instance, holder) VALUES ($1, $2) ON CONFLICT (instance) DO UPDATE SET "
                + "holder = excluded.holder RETURNING version",
            _node,
            _holder
        );
        var owned = await connection.AllAsync(
            row => (Lane: (int)row.GetInt16(0), Term: row.GetInt64(1)),
            "SELECT lane, epoch FROM charging_lane WHERE owner = $1",
            _node
        );
        foreach (
            var (lane, held) in Volatile
                .Read(ref _held)
                .Where(held => !owned.Contains((held.Key, held.Value.Term)))
                .ToList()
        )
        {
            Remove(lane);
            _lost(lane);
        }
    }

    /// <summary>Takes a lane from its current holder, without opening it.</summary>
    /// <remarks>
    /// Waits for what the holder is writing 200 ms at most, because all writes of this node wait meanwhile. A holder
    /// that is frozen in the middle of a write is asked again and again.
    /// </remarks>
    /// <returns>The new term of the lane.</returns>
    /// <exception cref="PostgresException">The holder is still writing (<see cref="IsHeld"/>): nothing has changed, and
    /// the session goes on.</exception>
    public async Task<long> TakeAsync(NpgsqlConnection connection, int lane)
    {
        var term =
            await connection.ScalarAsync<long?>(
                "SELECT charging_take($1, $2, $3) FROM set_config('lock_timeout', '200', true)", // of this transaction
                (short)lane,
                _node,
                _time.GetUtcNow().UtcTicks
            ) ?? throw new InvalidOperationException($"Lane {lane} does not exist.");
        ImmutableInterlocked.Update(ref _held, held => held.SetItem(lane, new(term, IsOpen: false)));
        return term;
    }

    /// <summary>Releases a lane.</summary>
    public async Task ReleaseAsync(NpgsqlConnection connection, int lane)
    {
        Remove(lane);
        await connection.ExecuteAsync(
            "UPDATE charging_lane SET owner = NULL WHERE lane = $1 AND owner = $2",
            (short)lane,
            _node
        );
    }

    /// <summary>Reports that a held lane has requests to resume.</summary>
    public void ReportBehind(int lane) => _behind(lane);

    private void Remove(int lane) => ImmutableInterlocked.Update(ref _held, held => held.Remove(lane));

    /// <summary>Creates the lanes, or changes their number when no other node runs.</summary>
    private async Task MakeAsync(NpgsqlConnection connection, PostgresSession session)
    {
        await using var transaction = await connection.BeginTransactionAsync();
        await PostgresSchema.LockPreparingAsync(connection);
        var count = (int)await connection.ScalarAsync<long>("SELECT count(*) FROM charging_lane");
        if (count != 0 && count != _count && !await session.TryLockAsync(isShared: false))
        {
            throw new InvalidJournalException(
                $"The cluster that uses this journal has {count} lanes, but cluster.lanes = {_count}. The number "
                    + "can only be changed while no other node runs: stop all nodes, then start them with the new "
                    + "number."
            );
        }

        await connection.ExecuteAsync(
            "INSERT INTO charging_lane (lane) SELECT generate_series(0, $1 - 1) ON CONFLICT DO NOTHING",
            _count
        );
        await connection.PatientAsync<object>(
            "UPDATE charging_request SET lane = lane % $1 WHERE settled_at IS NULL AND lane >= $1",
            (short)_count
        );
        await connection.ExecuteAsync("DELETE FROM charging_lane WHERE lane >= $1", (short)_count);
        await connection.ExecuteAsync(
            $"""
            DELETE FROM charging_node WHERE instance <> $1 AND instance NOT IN (SELECT owner FROM charging_lane WHERE owner IS NOT NULL)
                AND NOT EXISTS (SELECT 1 FROM pg_locks WHERE {PostgresReader.NodeLock("instance")})
            """,
            _node
        );
        await transaction.CommitAsync();
        if (count != 0 && count != _count)
            await session.UnlockAsync();
    }

    /// <param name="Term">The term that new requests of the lane carry.</param>
    /// <param name="IsOpen">Whether the lane accepts new requests.</param>
    private readonly record struct HeldLane(long Term, bool IsOpen);
}
