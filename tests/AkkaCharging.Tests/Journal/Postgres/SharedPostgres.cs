using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Postgres;
using AkkaCharging.Settings;
using AkkaCharging.Testing.Postgres;
using Npgsql;

namespace AkkaCharging.Tests.Journal.Postgres;

/// <summary>The classes that share one server; they run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class OnePostgres : ICollectionFixture<SharedPostgres>
{
    public const string Name = "postgres";
}

/// <summary>The server of the collection, and journals on it.</summary>
public sealed class SharedPostgres : IAsyncLifetime
{
    private readonly PostgresFixture _fixture = new();

    public Task InitializeAsync() => _fixture.StartAsync();

    public Task DisposeAsync() => _fixture.DisposeAsync().AsTask();

    /// <summary>Settings of a journal in a new, empty schema, with a key of its own.</summary>
    internal async Task<JournalSettings> NewSettingsAsync() => Settings(await _fixture.NewSchemaAsync());

    /// <summary>Settings of a journal, with a key of its own.</summary>
    internal static JournalSettings Settings(string connectionString) =>
        SettingsLoader.Defaults.Journal with
        {
            Kind = JournalKind.Postgres,
            ConnectionString = connectionString,
            EncryptionKeys = [EncryptionKey.Generate()],
        };

    internal static async Task<PostgresJournal> OpenAsync(JournalSettings settings, TimeProvider? time = null)
    {
        var journal = new PostgresJournal(settings, time ?? TimeProvider.System);
        await journal.StartAsync(default);
        return journal;
    }

    /// <summary>Turns the tables back into those of version 4.</summary>
    internal static Task MakeOlderAsync(JournalSettings settings) =>
        QueryAsync(
            settings,
            "ALTER TABLE charging_request DROP COLUMN exact_reason, DROP COLUMN details; "
                + "UPDATE charging_meta SET value = '\\x04000000' WHERE name = 'version'"
        );

    internal static async Task<object?> QueryAsync(JournalSettings settings, string sql)
    {
        await using var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(settings.ConnectionString) { Pooling = false }.ConnectionString
        );
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }
}
