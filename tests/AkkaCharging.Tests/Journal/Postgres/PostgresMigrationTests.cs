using AkkaCharging.Journal;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Npgsql;

namespace AkkaCharging.Tests.Journal.Postgres;

[Trait("Category", "Component")]
[Collection(OnePostgres.Name)]
public sealed class PostgresMigrationTests(SharedPostgres postgres) : JournalMigrationContract, IAsyncLifetime
{
    private JournalSettings _settings = null!;

    private protected override long Newest => 5;

    private protected override string Obstacle =>
        "CREATE INDEX charging_request_dead_destination ON charging_request (seq)";

    private protected override string Remedy => "DROP INDEX charging_request_dead_destination";

    public async Task InitializeAsync() => _settings = await postgres.NewSettingsAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    private protected override async Task<IJournal> StartAsync() => await SharedPostgres.OpenAsync(_settings, Time);

    private protected override async Task MakeVersion1Async(Func<IJournal, Task> fill)
    {
        var today = (await postgres.NewSettingsAsync()) with { EncryptionKeys = _settings.EncryptionKeys };
        await using (var journal = await SharedPostgres.OpenAsync(today, Time))
            await fill(journal);
        await ExecuteAsync(Schema("postgres-v1.sql"));
        var from = new NpgsqlConnectionStringBuilder(today.ConnectionString).SearchPath;
        foreach (
            var table in new[]
            {
                "charging_request",
                "charging_idempotency",
                "charging_key",
                "charging_meta",
                "charging_owner",
            }
        )
        {
            var columns = await SharedPostgres.QueryAsync(
                _settings,
                "SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = "
                    + $"'{table}'::regclass AND attnum > 0"
            );
            await ExecuteAsync(
                $"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {from}.{table} "
                    + "ON CONFLICT DO NOTHING"
            );
        }

        await ExecuteAsync("SELECT setval('charging_request_seq_seq', (SELECT max(seq) FROM charging_request))");
    }

    private protected override Task ExecuteAsync(string sql) => SharedPostgres.QueryAsync(_settings, sql);

    private protected override async Task<(long Version, bool HasNewColumn)> VersionAsync() =>
        (
            (long)
                (
                    await SharedPostgres.QueryAsync(
                        _settings,
                        "SELECT get_byte(value, 0)::bigint FROM charging_meta WHERE name = 'version'"
                    )
                )!,
            (bool)
                (
                    await SharedPostgres.QueryAsync(
                        _settings,
                        "SELECT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = "
                            + "'charging_request'::regclass AND attname = 'redriven_at')"
                    )
                )!
        );

    private protected override Task WaitUntilAvailableAsync(IJournal journal) =>
        Eventually.HoldsAsync(() => journal.Status.IsAvailable, "the journal is open");
}
