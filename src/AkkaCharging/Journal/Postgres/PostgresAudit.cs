using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>Reads decision records in a read-only session of its own, also from a standby.</summary>
internal sealed class PostgresAudit : IJournalAudit
{
    /// <summary>
    /// Time-out of a command. Longer than the service's, because a million rows may have to be read from disk.
    /// </summary>
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

    /// <summary>Connects to the database, which must hold a journal with the tables of this version.</summary>
    public static async Task<PostgresAudit> OpenAsync(JournalSettings settings, CancellationToken cancellationToken)
    {
        var connections = new PostgresConnections(settings.ConnectionString, CommandSeconds);
        NpgsqlConnection? connection = null;
        try
        {
            var opened = connection = await PostgresProblem.ReadAsync(() =>
                connections.OpenOwnAsync(cancellationToken)
            );
            await PostgresProblem.ReadAsync(() => opened.ExecuteAsync("SET default_transaction_read_only = on"));
            var wrapped =
                await PostgresProblem.ReadAsync(() => PostgresSchema.ReadWrappedAsync(opened))
                ?? throw new InvalidJournalException("The database of journal.connectionString contains no journal.");
            if (await PostgresProblem.ReadAsync(() => PostgresSchema.DescribeOlderAsync(opened)) is { } older)
                throw new InvalidJournalException(older);
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
        Task.FromResult(JournalSecrets.Open(KeySource.Required(_settings), _wrapped).Hasher.Fingerprint(token));

    /// <inheritdoc/>
    public Task<RequestRecord?> FindAsync(RequestId id) =>
        PostgresProblem.ReadAsync(() => PostgresSearch.FindAsync(_connection, id, secrets: null, oldest: 0));

    /// <inheritdoc/>
    public Task<List<ListedRow<RequestRecord>>> ReadPageAsync(RequestQuery query, RequestId? before, int rows) =>
        PostgresProblem.ReadAsync(() =>
            PostgresSearch.FindAsync(_connection, query, query.FirstId, before ?? query.EndId, rows, oldest: 0)
        );

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        await _connections.DisposeAsync();
    }
}
