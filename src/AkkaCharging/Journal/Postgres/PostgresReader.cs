using AkkaCharging.Authorization;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>Reads requests back, on pooled connections beside the owner's.</summary>
internal sealed class PostgresReader(NpgsqlDataSource readers)
{
    private const int PageRows = 2_000;

    /// <summary>Unsettled requests of other terms than <paramref name="terms"/>.</summary>
    public static Task<long> CountUnsettledAsync(NpgsqlConnection connection, long[] terms) =>
        connection.ScalarAsync<long>("SELECT count(*) FROM charging_request WHERE settled_at IS NULL AND epoch <> ALL ($1)", terms);

    /// <summary>What is known about a request that settled after <paramref name="settledAfter"/>, or has not.</summary>
    public Task<RequestRecord?> FindAsync(RequestId id, DateTimeOffset settledAfter) => RunAsync(async connection =>
    {
        var found = await connection.AllAsync(
            row => new RequestRecord(
                id,
                row.GetString(0),
                row.GetString(1),
                row.TextOrNull(2),
                StoredNames.State(row.GetString(3)),
                Decision(row, 4),
                StoredNames.Time(row.GetInt64(7)),
                row.IsDBNull(8) ? null : StoredNames.Time(row.GetInt64(8)),
                StoredNames.Attempts(row.GetString(9))),
            """
            SELECT station, token_masked, api_key, state, status, reason, decided_at, accepted_at, settled_at, attempts
            FROM charging_request WHERE id = $1 AND (settled_at IS NULL OR settled_at > $2)
            """,
            id.Value, settledAfter.UtcTicks);
        return found.SingleOrDefault();
    });

    /// <summary>The next unsettled requests of other terms than <paramref name="terms"/>, in order of acceptance, each with its place.</summary>
    public Task<List<(long Seq, UnsettledRequest Request)>> ReadPageAsync(long after, long[] terms, JournalSecrets secrets) => RunAsync(connection => connection.AllAsync(
        row =>
        {
            var id = new RequestId(row.GetGuid(1));
            var (token, callback) = secrets.Open(id, row.GetFieldValue<byte[]>(3));
            var request = new ChargingRequest(
                id,
                StationId.TryCreate(row.GetString(2))!,
                token,
                callback,
                StoredNames.Time(row.GetInt64(5)),
                StoredNames.Time(row.GetInt64(6)),
                row.TextOrNull(4),
                StoredNames.Trace(row.TextOrNull(7)));
            return (row.GetInt64(0), new UnsettledRequest(request, Decision(row, 8), row.GetInt32(11)));
        },
        """
        SELECT seq, id, station, secrets, api_key, accepted_at, expires_at, trace, status, reason, decided_at, attempts_made
        FROM charging_request WHERE settled_at IS NULL AND seq > $1 AND epoch <> ALL ($2) ORDER BY seq LIMIT $3
        """,
        after, terms, PageRows));

    private async Task<T> RunAsync<T>(Func<NpgsqlConnection, Task<T>> read)
    {
        try
        {
            await using var connection = await readers.OpenConnectionAsync();
            return await read(connection);
        }
        catch (NpgsqlException exception)
        {
            throw new JournalUnavailableException(PostgresProblem.Describe(exception), exception);
        }
    }

    private static Decision? Decision(NpgsqlDataReader row, int column) => row.IsDBNull(column)
        ? null
        : StoredNames.Decision(row.GetString(column), row.GetString(column + 1), row.GetInt64(column + 2));
}
