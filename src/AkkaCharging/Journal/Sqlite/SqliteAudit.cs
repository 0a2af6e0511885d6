using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>
/// Reads decision records from the journal's file. The driver blocks its caller, so this is for commands, not for the
/// service.
/// </summary>
/// <remarks>
/// After the owner has ended, SQLite leaves an empty <c>-wal</c> and a <c>-shm</c> file, which the next owner reuses.
/// </remarks>
internal sealed class SqliteAudit : IJournalAudit
{
    private readonly JournalSettings _settings;
    private readonly SqliteConnection _connection;

    private SqliteAudit(JournalSettings settings, SqliteConnection connection) =>
        (_settings, _connection) = (settings, connection);

    /// <summary>Opens the file, which must exist and have the tables of this version.</summary>
    public static SqliteAudit Open(JournalSettings settings)
    {
        var audit = OpenAnyVersion(settings);
        try
        {
            return audit.DescribeOlder() is { } older ? throw new InvalidJournalException(older) : audit;
        }
        catch
        {
            audit._connection.Dispose();
            throw;
        }
    }

    /// <summary>Opens the file, which must exist, and may have the tables of an older version.</summary>
    public static SqliteAudit OpenAnyVersion(JournalSettings settings)
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

    /// <summary>
    /// Says that the tables are of an older version, of which no record can be read here; null when they are of this
    /// one.
    /// </summary>
    public string? DescribeOlder() => Reading(_settings, () => SqliteSchema.DescribeOlder(_connection, _settings.Path));

    /// <summary>Checks that every key is configured that the journal needs.</summary>
    /// <exception cref="InvalidJournalException">A key is missing.</exception>
    public void CheckKeys() => Reading(_settings, () => SqliteMeta.FindRetired(_connection, Secrets().Keys));

    /// <inheritdoc/>
    public Task<byte[]> FingerprintAsync(DriverToken token) =>
        Task.FromResult(Reading(_settings, Secrets).Hasher.Fingerprint(token));

    /// <inheritdoc/>
    public Task<RequestRecord?> FindAsync(RequestId id) =>
        Task.FromResult(Reading(_settings, () => SqliteSearch.Find(_connection, id, secrets: null, oldest: 0)));

    /// <inheritdoc/>
    public Task<List<ListedRow<RequestRecord>>> ReadPageAsync(RequestQuery query, RequestId? before, int rows) =>
        Task.FromResult(
            Reading(
                _settings,
                () => SqliteSearch.Find(_connection, query, query.FirstId, before ?? query.EndId, rows, oldest: 0)
            )
        );

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private JournalSecrets Secrets() => SqliteMeta.ReadSecrets(_connection, _settings);

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
