using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>Reads requests back, on a thread and a connection of its own.</summary>
internal sealed class SqliteReader(JournalSettings settings, TimeProvider time) : IDisposable
{
    private const int PageRows = 1_000;

    private readonly SqliteThread _thread = new("journal reader", settings);

    /// <summary>What is known about a request.</summary>
    public Task<RequestRecord?> FindAsync(RequestId id) => _thread.RunAsync(connection =>
    {
        using var find = new Statement(
            connection,
            $"SELECT {StoredRows.RecordColumns} FROM request WHERE id = $0 AND (settled_at IS NULL OR settled_at > $1)");
        return find.First(
            found => found.ToRecord(id),
            StoredId.Of(id),
            (time.GetUtcNow() - settings.Retention).UtcTicks); // retention's sweep may come later
    });

    /// <summary>The next unsettled requests in order of acceptance, each with its place.</summary>
    public Task<List<(long Seq, UnsettledRequest Request)>> ReadPageAsync(long after, long last, JournalSecrets secrets) => _thread.RunAsync(connection =>
    {
        using var page = new Statement(
            connection,
            $"""
            SELECT {StoredRows.UnsettledColumns} FROM request INDEXED BY request_unsettled
            WHERE settled_at IS NULL AND seq > $0 AND seq <= $1 ORDER BY seq LIMIT $2
            """);
        return page.All(found => found.ToUnsettled(StoredId.Read(found.GetFieldValue<byte[]>(1)), secrets), after, last, PageRows);
    });

    public void Dispose() => _thread.Dispose();
}
