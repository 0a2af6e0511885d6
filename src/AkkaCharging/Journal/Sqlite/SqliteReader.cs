using AkkaCharging.Authorization;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using Microsoft.Data.Sqlite;

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
            "SELECT station, token_masked, api_key, state, status, reason, decided_at, accepted_at, settled_at, attempts FROM request "
                + "WHERE id = $0 AND (settled_at IS NULL OR settled_at > $1)");
        return find.First(
            found => new RequestRecord(
                id,
                found.GetString(0),
                found.GetString(1),
                TextOrNull(found, 2),
                StoredNames.State(found.GetString(3)),
                Decision(found, 4),
                StoredNames.Time(found.GetInt64(7)),
                found.IsDBNull(8) ? null : StoredNames.Time(found.GetInt64(8)),
                StoredNames.Attempts(found.GetString(9))),
            StoredId.Of(id),
            (time.GetUtcNow() - settings.Retention).UtcTicks); // retention's sweep may come later
    });

    /// <summary>The next unsettled requests in order of acceptance, each with its place.</summary>
    public Task<List<(long Seq, UnsettledRequest Request)>> ReadPageAsync(long after, long last, JournalSecrets secrets) => _thread.RunAsync(connection =>
    {
        using var page = new Statement(
            connection,
            """
            SELECT seq, id, station, secrets, api_key, accepted_at, expires_at, trace, status, reason, decided_at, attempts_made
            FROM request INDEXED BY request_unsettled WHERE settled_at IS NULL AND seq > $0 AND seq <= $1 ORDER BY seq LIMIT $2
            """);
        return page.All(
            found =>
            {
                var id = StoredId.Read(found.GetFieldValue<byte[]>(1));
                var (token, callback) = secrets.Open(id, found.GetFieldValue<byte[]>(3));
                var request = new ChargingRequest(
                    id,
                    StationId.TryCreate(found.GetString(2))!,
                    token,
                    callback,
                    StoredNames.Time(found.GetInt64(5)),
                    StoredNames.Time(found.GetInt64(6)),
                    TextOrNull(found, 4),
                    StoredNames.Trace(TextOrNull(found, 7)));
                return (found.GetInt64(0), new UnsettledRequest(request, Decision(found, 8), found.GetInt32(11)));
            },
            after, last, PageRows);
    });

    public void Dispose() => _thread.Dispose();

    private static string? TextOrNull(SqliteDataReader found, int column) => found.IsDBNull(column) ? null : found.GetString(column);

    private static Decision? Decision(SqliteDataReader found, int column) => found.IsDBNull(column)
        ? null
        : StoredNames.Decision(found.GetString(column), found.GetString(column + 1), found.GetInt64(column + 2));
}
