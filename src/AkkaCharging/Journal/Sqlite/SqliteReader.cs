using System.Data;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>Reads requests on a thread and a connection of its own.</summary>
/// <param name="thread">The thread, which is disposed with this object.</param>
/// <param name="left">Cancelled when the caller waits for no answer any more: the thread skips such questions, because
/// a slow disk would otherwise keep it busy for nobody.</param>
internal sealed class SqliteReader(SqliteThread thread, JournalClock clock, CancellationToken left = default)
    : IJournalReader,
        IDisposable
{
    private const int PageRows = 1_000;

    /// <inheritdoc/>
    public IJournalReader Until(CancellationToken left) => new SqliteReader(thread, clock, left);

    /// <inheritdoc/>
    public Task<RequestRecord?> FindAsync(RequestId id, JournalSecrets? secrets, DateTimeOffset oldest) =>
        AskAsync(connection => SqliteSearch.Find(connection, id, secrets, oldest.UtcTicks));

    /// <inheritdoc/>
    public Task<RequestPage> SearchAsync(
        RequestQuery query,
        RequestId before,
        int rows,
        int most,
        DateTimeOffset oldest
    ) =>
        AskAsync(connection =>
        {
            var floor = SqliteSearch.Floor(connection, before, rows);
            var from = RequestPages.From(query, floor);
            var found = SqliteSearch.Find(connection, query, from, before, most, oldest.UtcTicks);
            return RequestPages.Of(query, floor, found, most);
        });

    /// <summary>Reads the next unsettled requests in order of acceptance, each with its place.</summary>
    public Task<List<UnsettledRow>> ReadPageAsync(long after, long last, JournalSecrets secrets) =>
        AskAsync(connection =>
        {
            using var page = new PreparedQuery(
                connection,
                $"""
                SELECT {StoredRows.UnsettledColumns} FROM request INDEXED BY request_unsettled
                WHERE settled_at IS NULL AND seq > $0 AND seq <= $1 ORDER BY seq LIMIT $2
                """
            );
            return page.All(
                found => found.ToUnsettledRow(ReadId(found), new(Lane: 0, found.GetInt64("seq")), secrets, clock),
                after,
                last,
                PageRows
            );
        });

    /// <inheritdoc/>
    public Task<DeadLetterPage> ListDeadLettersAsync(
        DeadLetterQuery query,
        DeadLetterCursor? after,
        int most,
        DateTimeOffset oldest
    ) =>
        AskAsync(connection =>
        {
            using var page = DeadLetters(
                connection,
                StoredRows.DeadLetterColumns,
                query,
                "ORDER BY settled_at DESC, id DESC LIMIT $7"
            );
            var (settledAt, id) = query.End(after);
            return DeadLetterPage.Of(
                page.All(
                    found =>
                        (
                            StoredNames.Time(found.GetInt64("settled_at")),
                            found.TryRead(ReadId(found), StoredRows.ToDeadLetter)
                        ),
                    query.FirstTicks(oldest),
                    settledAt.UtcTicks,
                    StoredId.Of(id),
                    query.Destination?.ToString(),
                    StoredNames.AttemptsLike(query.Cause),
                    query.AcceptedFromTicks,
                    query.AcceptedToTicks,
                    most
                ),
                most
            );
        });

    /// <inheritdoc/>
    public Task<long> CountDeadLettersAsync(DeadLetterQuery query, DateTimeOffset oldest) =>
        AskAsync(connection =>
        {
            using var count = DeadLetters(connection, "count(*)", query, "");
            var (settledAt, id) = query.End(after: null);
            return count.First(
                found => found.GetInt64(0),
                query.FirstTicks(oldest),
                settledAt.UtcTicks,
                StoredId.Of(id),
                query.Destination?.ToString(),
                StoredNames.AttemptsLike(query.Cause),
                query.AcceptedFromTicks,
                query.AcceptedToTicks
            );
        });

    /// <inheritdoc/>
    public Task<(bool IsFound, Redrive? Redrive)> FindDeadLetterAsync(
        RequestId id,
        JournalSecrets secrets,
        DateTimeOffset at,
        DateTimeOffset oldest
    ) =>
        AskAsync(connection =>
        {
            using var find = new PreparedQuery(
                connection,
                $"SELECT {StoredRows.RedriveColumns} FROM request WHERE id = $0 AND settled_at > $1 AND "
                    + $"{StoredRows.IsDeadLetter}"
            );
            return find.First(found => (true, found.ToRedrive(id, secrets, at)), StoredId.Of(id), oldest.UtcTicks);
        });

    public void Dispose() => thread.Dispose();

    private Task<T> AskAsync<T>(Func<SqliteConnection, T> question) => thread.RunAsync(question, left);

    private static RequestId ReadId(SqliteDataReader row) => StoredId.Read(row.GetFieldValue<byte[]>("id"));

    // A condition that is not set names no column: without cause and age, the index alone is counted.
    private static PreparedQuery DeadLetters(
        SqliteConnection connection,
        string columns,
        DeadLetterQuery query,
        string end
    ) =>
        new(
            connection,
            $"""
            SELECT {columns} FROM request INDEXED BY {(
                query.Destination is null ? "request_dead" : "request_dead_destination"
            )}
            WHERE {StoredRows.IsDeadLetter} AND settled_at >= $0 AND (settled_at, id) < ($1, $2) AND {(
                query.Destination is null ? "$3 IS NULL" : "destination = $3"
            )}
                AND {(query.Cause is null ? "$4 IS NULL" : "attempts LIKE $4")}
                AND {(query.HasAge ? "accepted_at >= $5 AND accepted_at < $6" : "$5 < $6")}
                AND {StoredId.IsWhole} {end}
            """
        );
}
