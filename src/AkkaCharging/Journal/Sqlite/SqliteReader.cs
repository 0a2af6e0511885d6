using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>Reads requests back, on a thread and a connection of its own.</summary>
/// <param name="thread">Its thread, which it ends.</param>
internal sealed class SqliteReader(SqliteThread thread, JournalSettings settings, JournalClock clock) : IDisposable
{
    private const int PageRows = 1_000;

    /// <summary>What is known about a request.</summary>
    public Task<RequestRecord?> FindAsync(RequestId id) =>
        thread.RunAsync(connection =>
        {
            using var find = new Statement(
                connection,
                $"SELECT {StoredRows.RecordColumns} FROM request WHERE id = $0 AND (settled_at IS NULL OR "
                    + "settled_at > $1)"
            );
            return find.First(found => found.ToRecord(id), StoredId.Of(id), Oldest.UtcTicks);
        });

    /// <summary>The next unsettled requests in order of acceptance, each with its place.</summary>
    public Task<List<UnsettledRow>> ReadPageAsync(long after, long last, JournalSecrets secrets) =>
        thread.RunAsync(connection =>
        {
            using var page = new Statement(
                connection,
                $"""
                SELECT {StoredRows.UnsettledColumns} FROM request INDEXED BY request_unsettled
                WHERE settled_at IS NULL AND seq > $0 AND seq <= $1 ORDER BY seq LIMIT $2
                """
            );
            return page.All(
                found => found.ToUnsettledRow(StoredId.Read(found.GetFieldValue<byte[]>(1)), secrets, clock),
                after,
                last,
                PageRows
            );
        });

    /// <summary>The next dead letters that match, newest first.</summary>
    public Task<DeadLetterPage> ListDeadLettersAsync(DeadLetterQuery query, DeadLetterCursor? after, int most) =>
        thread.RunAsync(connection =>
        {
            using var page = DeadLetters(
                connection,
                StoredRows.DeadLetterColumns,
                query,
                "ORDER BY settled_at DESC, id DESC LIMIT $4"
            );
            var (settledAt, id) = query.End(after);
            return DeadLetterPage.Of(
                page.All(
                    found => found.ToDeadLetter(StoredId.Read(found.GetFieldValue<byte[]>(0))),
                    query.FirstTicks(Oldest),
                    settledAt.UtcTicks,
                    StoredId.Of(id),
                    query.Destination?.ToString(),
                    most
                ),
                most
            );
        });

    /// <summary>How many dead letters match.</summary>
    public Task<long> CountDeadLettersAsync(DeadLetterQuery query) =>
        thread.RunAsync(connection =>
        {
            using var count = DeadLetters(connection, "count(*)", query, "");
            var (settledAt, id) = query.End(after: null);
            return count.First(
                found => found.GetInt64(0),
                query.FirstTicks(Oldest),
                settledAt.UtcTicks,
                StoredId.Of(id),
                query.Destination?.ToString()
            );
        });

    /// <summary>Reads a dead letter for its redrive; false when it is none.</summary>
    public Task<(bool IsFound, Redrive? Redrive)> FindDeadLetterAsync(
        RequestId id,
        JournalSecrets secrets,
        DateTimeOffset at
    ) =>
        thread.RunAsync(connection =>
        {
            using var find = new Statement(
                connection,
                $"SELECT {StoredRows.RedriveColumns} FROM request WHERE id = $0 AND settled_at > $1 AND "
                    + $"{StoredRows.IsDeadLetter}"
            );
            return find.First(found => (true, found.ToRedrive(id, secrets, at)), StoredId.Of(id), Oldest.UtcTicks);
        });

    public void Dispose() => thread.Dispose();

    /// <summary>Retention's: what settled by then is forgotten, though its sweep may come later.</summary>
    private DateTimeOffset Oldest => clock.Horizon(settings.Retention);

    private static Statement DeadLetters(
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
            )} {end}
            """
        );
}
