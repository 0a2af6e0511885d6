using System.Globalization;
using System.Security.Cryptography;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Postgres;
using Npgsql;

namespace AkkaCharging.Scenarios;

/// <summary>A fresh journal of one kind for the services of one test, and PostgreSQL where that needs it.</summary>
internal sealed class JournalHome : IAsyncDisposable
{
    public const string Sqlite = "sqlite";
    public const string Postgres = "postgres";
    private readonly PostgresFixture? _fixture;
    private readonly (string Name, string Value)[] _settings;

    private JournalHome(PostgresFixture? fixture, (string, string)[] settings) =>
        (_fixture, _settings) = (fixture, settings);

    public static async Task<JournalHome> NewAsync(string kind)
    {
        if (kind == Sqlite)
            return new(fixture: null, [("JOURNAL_KIND", Sqlite), ("JOURNAL_PATH", "journal.db")]);
        var fixture = new PostgresFixture();
        await fixture.StartAsync();
        return new(fixture, OnPostgres(await fixture.NewSchemaAsync()));
    }

    /// <summary>In a database that the test has itself.</summary>
    public static JournalHome On(string connectionString) => new(fixture: null, OnPostgres(connectionString));

    /// <summary>Settings of a journal in PostgreSQL, with a key of its own.</summary>
    public static (string Name, string Value)[] OnPostgres(string connectionString) =>
        [
            ("JOURNAL_KIND", Postgres),
            ("JOURNAL_CONNECTION_STRING", connectionString),
            ("JOURNAL_ENCRYPTION_KEYS", Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))),
        ];

    /// <summary>Settings of a service on this journal; all services of a test get the same.</summary>
    public Dictionary<string, string> Settings(params ReadOnlySpan<(string Name, string Value)> more) =>
        ScenarioFolder.Settings([.. _settings, .. more]);

    /// <summary>Where services reach PostgreSQL.</summary>
    public int Port =>
        new NpgsqlConnectionStringBuilder(
            _settings.Single(setting => setting.Name == "JOURNAL_CONNECTION_STRING").Value
        ).Port;

    /// <summary>Settings of a service on this journal that is a cluster by itself.</summary>
    public Dictionary<string, string> NodeSettings()
    {
        var port = FreePort.Next().ToString(CultureInfo.InvariantCulture);
        return Settings(
            ("CLUSTER_ENABLED", "true"),
            ("CLUSTER_PORT", port),
            ("CLUSTER_SEED_NODES", $"127.0.0.1:{port}")
        );
    }

    public async ValueTask DisposeAsync()
    {
        if (_fixture is not null)
            await _fixture.DisposeAsync();
    }
}
