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
            row => row.ToRecord(id),
            $"SELECT {StoredRows.RecordColumns} FROM charging_request WHERE id = $1 AND (settled_at IS NULL OR settled_at > $2)",
            id.Value, settledAfter.UtcTicks);
        return found.SingleOrDefault();
    });

    /// <summary>The next unsettled requests of other terms than <paramref name="terms"/>, in order of acceptance, each with its place.</summary>
    public Task<List<(long Seq, UnsettledRequest Request)>> ReadPageAsync(long after, long[] terms, JournalSecrets secrets) => RunAsync(connection => connection.AllAsync(
        row => row.ToUnsettled(new RequestId(row.GetGuid(1)), secrets),
        $"SELECT {StoredRows.UnsettledColumns} FROM charging_request WHERE settled_at IS NULL AND seq > $1 AND epoch <> ALL ($2) ORDER BY seq LIMIT $3",
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
}
