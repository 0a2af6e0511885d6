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
    public Task<List<UnsettledRow>> ReadPageAsync(long after, long[] terms, JournalSecrets secrets) => RunAsync(connection => connection.AllAsync(
        row => row.ToUnsettledRow(new RequestId(row.GetGuid(1)), secrets),
        $"SELECT {StoredRows.UnsettledColumns} FROM charging_request WHERE settled_at IS NULL AND seq > $1 AND epoch <> ALL ($2) ORDER BY seq LIMIT $3",
        after, terms, PageRows));

    /// <summary>Unsettled requests of other terms than <paramref name="terms"/>.</summary>
    public Task<long> CountUnsettledAsync(long[] terms) => RunAsync(connection => CountUnsettledAsync(connection, terms));

    /// <summary>The next dead letters that match and settled after <paramref name="settledAfter"/>, newest first.</summary>
    public Task<DeadLetterPage> ListDeadLettersAsync(DeadLetterQuery query, DeadLetterCursor? after, int most, DateTimeOffset settledAfter) => RunAsync(async connection =>
        DeadLetterPage.Of(
            await connection.AllAsync(
                row => row.ToDeadLetter(new RequestId(row.GetGuid(0))),
                $"SELECT {StoredRows.DeadLetterColumns} FROM charging_request {Matching(query)} ORDER BY settled_at DESC, id DESC LIMIT {most}",
                Values(query, after, settledAfter)),
            most));

    /// <summary>How many dead letters match and settled after <paramref name="settledAfter"/>.</summary>
    public Task<long> CountDeadLettersAsync(DeadLetterQuery query, DateTimeOffset settledAfter) => RunAsync(connection =>
        connection.ScalarAsync<long>($"SELECT count(*) FROM charging_request {Matching(query)}", Values(query, after: null, settledAfter)));

    /// <summary>Reads a dead letter for its redrive; false when it is none, or settled by <paramref name="settledAfter"/>.</summary>
    public Task<(bool IsFound, Redrive? Redrive)> FindDeadLetterAsync(RequestId id, JournalSecrets secrets, DateTimeOffset at, DateTimeOffset settledAfter) => RunAsync(async connection =>
    {
        var found = await connection.AllAsync(
            row => (true, row.ToRedrive(id, secrets, at)),
            $"SELECT {StoredRows.RedriveColumns} FROM charging_request WHERE id = $1 AND settled_at > $2 AND {StoredRows.IsDeadLetter}",
            id.Value, settledAfter.UtcTicks);
        return found.SingleOrDefault();
    });

    // Text of its own with and without a destination: the plan of one that serves both would not use the destination's index.
    private static string Matching(DeadLetterQuery query) =>
        $"WHERE {StoredRows.IsDeadLetter} AND settled_at >= $1 AND (settled_at, id) < ($2, $3) {(query.Destination is null ? "" : "AND destination = $4")}";

    private static object[] Values(DeadLetterQuery query, DeadLetterCursor? after, DateTimeOffset settledAfter)
    {
        var (settledAt, id) = query.End(after);
        object[] values = [query.FirstTicks(settledAfter), settledAt.UtcTicks, id.Value];
        return query.Destination is { } destination ? [.. values, destination.ToString()] : values;
    }

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
