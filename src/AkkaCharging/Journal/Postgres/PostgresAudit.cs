using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>Reads decision records in a read-only session of its own, a standby's included.</summary>
internal sealed class PostgresAudit : IJournalAudit
{
    /// <summary>Longer than the service's: a million rows may have to come from the disk.</summary>
    private const int CommandSeconds = 60;

    private readonly JournalSettings _settings;
    private readonly PostgresConnections _connections;
    private readonly NpgsqlConnection _connection;
    private readonly byte[] _wrapped;

    private PostgresAudit(
        JournalSettings settings,
        PostgresConnections connections,
        NpgsqlConnection connection,
        byte[] wrapped
    ) => (_settings, _connections, _connection, _wrapped) = (settings, connections, connection, wrapped);

    /// <summary>Connects to the database, which must hold a journal.</summary>
    public static async Task<PostgresAudit> OpenAsync(JournalSettings settings, CancellationToken cancellationToken)
    {
        var connections = new PostgresConnections(settings.ConnectionString, CommandSeconds);
        NpgsqlConnection? connection = null;
        try
        {
            var opened = connection = await ReadingAsync(() => connections.OpenOwnAsync(cancellationToken));
            await ReadingAsync(() => opened.ExecuteAsync("SET default_transaction_read_only = on"));
            var wrapped =
                await ReadingAsync(() => PostgresSchema.ReadWrappedAsync(opened))
                ?? throw new InvalidJournalException("The database of journal.connectionString holds no journal.");
            return new(settings, connections, connection, wrapped);
        }
        catch
        {
            if (connection is not null)
                await connection.DisposeAsync();
            await connections.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public Task<byte[]> FingerprintAsync(DriverToken token) =>
        Task.FromResult(PostgresSchema.Open(KeySource.Required(_settings), _wrapped).Hasher.Fingerprint(token));

    /// <inheritdoc/>
    public Task<List<AuditRecord>> ReadPageAsync(AuditQuery query, RequestId? before, int rows) =>
        ReadingAsync(() =>
            _connection.AllAsync(
                row => new AuditRecord(
                    new(row.GetGuid(0)),
                    row.GetString(1),
                    row.GetString(2),
                    row.GetFieldValue<byte[]>(3),
                    row.TextOrNull(4),
                    StoredNames.State(row.GetString(5)),
                    row.IsDBNull(6) ? null : StoredNames.Decision(row.GetString(6), row.GetString(7), row.GetInt64(8)),
                    StoredNames.Time(row.GetInt64(9)),
                    row.IsDBNull(10) ? null : StoredNames.Time(row.GetInt64(10))
                ),
                """
                SELECT id, station, token_masked, token_fingerprint, api_key, state, status, reason, decided_at, accepted_at, settled_at FROM charging_request
                WHERE id >= $1 AND id < $2 AND accepted_at >= $3 AND accepted_at < $4
                    AND ($5::text IS NULL OR lower(station) = lower($5::text)) AND ($6::bytea IS NULL OR token_fingerprint = $6::bytea)
                ORDER BY id DESC LIMIT $7
                """,
                query.FirstId.Value,
                (before ?? query.EndId).Value,
                query.FromTicks,
                query.ToTicks,
                query.Station?.Text,
                query.TokenFingerprint,
                rows
            )
        );

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        await _connections.DisposeAsync();
    }

    private static async Task<T> ReadingAsync<T>(Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (NpgsqlException exception)
        {
            throw new JournalUnavailableException(PostgresProblem.Describe(exception), exception);
        }
    }
}
