using System.Data;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>
/// Reads decision records from the journal's file. The driver blocks its caller: for a command, not for the service.
/// </summary>
/// <remarks>
/// After an owner that has ended, SQLite leaves an empty <c>-wal</c> and a <c>-shm</c> beside the file; the next owner
/// takes them over.
/// </remarks>
internal sealed class SqliteAudit : IJournalAudit
{
    private readonly JournalSettings _settings;
    private readonly SqliteConnection _connection;

    private SqliteAudit(JournalSettings settings, SqliteConnection connection) =>
        (_settings, _connection) = (settings, connection);

    /// <summary>Opens the file, which must be there.</summary>
    public static SqliteAudit Open(JournalSettings settings)
    {
        if (!File.Exists(settings.Path))
            throw new InvalidJournalException($"There is no journal {settings.Path}; journal.path names it.");

        var connection = Reading(settings, () => SqliteFile.ConnectReadOnly(settings));
        try
        {
            if (Reading(settings, () => SqliteSchema.CheckIsFresh(connection, settings.Path)))
                throw new InvalidJournalException(
                    $"The journal {settings.Path} is empty: no service has opened it yet."
                );
            return new(settings, connection);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public Task<byte[]> FingerprintAsync(DriverToken token) =>
        Task.FromResult(
            Reading(_settings, () => SqliteMeta.ReadSecrets(_connection, _settings)).Hasher.Fingerprint(token)
        );

    /// <inheritdoc/>
    public Task<List<AuditRecord>> ReadPageAsync(AuditQuery query, RequestId? before, int rows) =>
        Task.FromResult(
            Reading(
                _settings,
                () =>
                {
                    using var page = new PreparedQuery(
                        _connection,
                        $"""
                        SELECT {StoredRows.AuditColumns} FROM request
                        WHERE id >= $0 AND id < $1 AND accepted_at >= $2 AND accepted_at < $3
                            AND ($4 IS NULL OR station = $4 COLLATE NOCASE) AND ($5 IS NULL OR token_fingerprint = $5)
                        ORDER BY id DESC LIMIT $6
                        """
                    );
                    return page.All(
                        found => found.ToAuditRecord(StoredId.Read(found.GetFieldValue<byte[]>("id"))),
                        StoredId.Of(query.FirstId),
                        StoredId.Of(before ?? query.EndId),
                        query.FromTicks,
                        query.ToTicks,
                        query.Station?.Text,
                        query.TokenFingerprint,
                        rows
                    );
                }
            )
        );

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private static T Reading<T>(JournalSettings settings, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (SqliteException e)
        {
            throw new JournalUnavailableException(SqliteProblem.Describe(e, settings.Path), e);
        }
    }
}
