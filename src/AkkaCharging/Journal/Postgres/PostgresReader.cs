using System.Data;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>Reads requests on pooled connections, concurrently with the owner's writes.</summary>
internal sealed class PostgresReader(NpgsqlDataSource readers, JournalClock clock) : IJournalReader
{
    /// <summary>Time-out of a count that may read all rows: more than those who ask wait.</summary>
    private const int CountSeconds = 30;

    private const int PageRows = 2_000;

    /// <summary>Counts the unsettled requests of other terms than <paramref name="terms"/>.</summary>
    public static async Task<long> CountUnsettledAsync(NpgsqlConnection connection, long[] terms)
    {
        await using var transaction = await connection.BeginTransactionAsync();
        var unsettled = await connection.PatientAsync<long>(
            "SELECT count(*) FROM charging_request WHERE settled_at IS NULL AND epoch <> ALL ($1)",
            terms
        );
        await transaction.CommitAsync();
        return unsettled;
    }

    /// <inheritdoc/>
    public Task<RequestRecord?> FindAsync(RequestId id, JournalSecrets? secrets, DateTimeOffset oldest) =>
        RunAsync(connection => PostgresSearch.FindAsync(connection, id, secrets, oldest.UtcTicks));

    /// <inheritdoc/>
    public Task<RequestPage> SearchAsync(
        RequestQuery query,
        RequestId before,
        int rows,
        int most,
        DateTimeOffset oldest
    ) =>
        RunAsync(async connection =>
        {
            var floor = await PostgresSearch.FloorAsync(connection, before, rows);
            var from = RequestPages.From(query, floor);
            var found = await PostgresSearch.FindAsync(connection, query, from, before, most, oldest.UtcTicks);
            return RequestPages.Of(query, floor, found, most);
        });

    /// <summary>
    /// Reads the next unsettled requests whose term is none of <paramref name="terms"/>, by lane and in order of
    /// acceptance, each with its place.
    /// </summary>
    /// <param name="only">The only lane to read; null for all.</param>
    public Task<List<UnsettledRow>> ReadPageAsync(RowPlace after, short? only, long[] terms, JournalSecrets secrets) =>
        RunAsync(connection =>
            connection.AllAsync(
                row => row.ToUnsettledRow(ReadId(row), new(row.GetInt16("lane"), row.GetInt64("seq")), secrets, clock),
                $"""
                SELECT {StoredRows.UnsettledColumns}, lane FROM charging_request
                WHERE settled_at IS NULL AND (lane, seq) > ($1, $2) AND lane <= $3 AND epoch <> ALL ($4)
                ORDER BY lane, seq LIMIT $5
                """,
                after.Lane,
                after.Seq,
                only ?? short.MaxValue,
                terms,
                PageRows
            )
        );

    /// <summary>Counts the unsettled requests of other terms than <paramref name="terms"/>.</summary>
    public Task<long> CountUnsettledAsync(long[] terms) =>
        RunAsync(connection => CountUnsettledAsync(connection, terms));

    /// <summary>Counts the unsettled requests of a lane whose term is not <paramref name="term"/>.</summary>
    public Task<long> CountUnsettledAsync(short lane, long term) =>
        RunAsync(connection =>
            connection.ScalarAsync<long>(
                "SELECT count(*) FROM charging_request WHERE settled_at IS NULL AND lane = $1 AND epoch <> $2",
                lane,
                term
            )
        );

    /// <summary>Lists the lanes of the cluster.</summary>
    public Task<List<LaneHolder>> ListLanesAsync(Guid us) =>
        RunAsync(connection =>
            connection.AllAsync(
                row => new LaneHolder(
                    row.GetInt16("lane"),
                    row.TextOrNull("holder"),
                    row.GetBoolean("is_ours"),
                    row.TimeOrNull("taken_at")
                ),
                """
                SELECT lane, holder, coalesce(owner = $1, false) AS is_ours, taken_at
                FROM charging_lane LEFT JOIN charging_node ON owner = instance ORDER BY lane
                """,
                us
            )
        );

    /// <summary>
    /// SQL condition: a row of <c>pg_locks</c> is the lock of the node named by a column, which the node's session
    /// holds while it is connected.
    /// </summary>
    public static string NodeLock(string node) =>
        $"""
            locktype = 'advisory' AND granted AND classid = {PostgresLanes.NodeLockClass}
                AND objid = (hashtext({node}::text) & 4294967295)::oid
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """;

    /// <summary>Checks whether a node other than <paramref name="us"/> holds lanes and is connected.</summary>
    public Task<bool> AreLanesHeldElsewhereAsync(Guid us) =>
        RunAsync(connection =>
            connection.ScalarAsync<bool>(
                $"""
                SELECT EXISTS (
                    SELECT 1 FROM charging_lane JOIN pg_locks ON {NodeLock("owner")} WHERE owner <> $1)
                """,
                us
            )
        );

    /// <inheritdoc/>
    public Task<DeadLetterPage> ListDeadLettersAsync(
        DeadLetterQuery query,
        DeadLetterCursor? after,
        int most,
        DateTimeOffset oldest
    ) =>
        RunAsync(async connection =>
            DeadLetterPage.Of(
                await connection.AllAsync(
                    row =>
                        (
                            StoredNames.Time(row.GetInt64("settled_at")),
                            row.TryRead(ReadId(row), StoredRows.ToDeadLetter)
                        ),
                    $"SELECT {StoredRows.DeadLetterColumns} FROM charging_request {Matching(query)} ORDER BY "
                        + $"settled_at DESC, id DESC LIMIT {most}",
                    Values(query, after, oldest)
                ),
                most
            )
        );

    /// <inheritdoc/>
    public Task<long> CountDeadLettersAsync(DeadLetterQuery query, DateTimeOffset oldest) =>
        RunAsync(async connection =>
        {
            await using var command = connection.Command(
                $"SELECT count(*) FROM charging_request {Matching(query)}",
                Values(query, after: null, oldest)
            );
            command.CommandTimeout = CountSeconds;
            return await command.ExecuteScalarAsync() is long count ? count : 0;
        });

    /// <inheritdoc/>
    public Task<(bool IsFound, Redrive? Redrive)> FindDeadLetterAsync(
        RequestId id,
        JournalSecrets secrets,
        DateTimeOffset at,
        DateTimeOffset oldest
    ) =>
        RunAsync(async connection =>
        {
            var found = await connection.AllAsync(
                row => (true, row.ToRedrive(id, secrets, at)),
                $"SELECT {StoredRows.RedriveColumns} FROM charging_request WHERE id = $1 AND settled_at > $2 "
                    + $"AND {StoredRows.IsDeadLetter}",
                id.Value,
                oldest.UtcTicks
            );
            return found.SingleOrDefault();
        });

    // Only the conditions that are set: the plan of a statement for all of them would not use the index of
    // destinations.
    private static string Matching(DeadLetterQuery query) =>
        $"WHERE {StoredRows.IsDeadLetter} AND settled_at >= $1 AND (settled_at, id) < ($2, $3)"
        + (query.Destination is null ? " AND $4::text IS NULL" : " AND destination = $4")
        + (query.Cause is null ? " AND $5::text IS NULL" : " AND attempts LIKE $5")
        + (query.HasAge ? " AND accepted_at >= $6 AND accepted_at < $7" : " AND $6::bigint < $7::bigint");

    private static object?[] Values(DeadLetterQuery query, DeadLetterCursor? after, DateTimeOffset oldest)
    {
        var (settledAt, id) = query.End(after);
        return
        [
            query.FirstTicks(oldest),
            settledAt.UtcTicks,
            id.Value,
            query.Destination?.ToString(),
            StoredNames.AttemptsLike(query.Cause),
            query.AcceptedFromTicks,
            query.AcceptedToTicks,
        ];
    }

    private static RequestId ReadId(NpgsqlDataReader row) => new(row.GetGuid("id"));

    private Task<T> RunAsync<T>(Func<NpgsqlConnection, Task<T>> read) =>
        PostgresProblem.ReadAsync(async () =>
        {
            await using var connection = await readers.OpenConnectionAsync();
            return await read(connection);
        });
}
