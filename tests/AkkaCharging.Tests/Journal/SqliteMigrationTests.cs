using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Tests.Journal;

[Trait("Category", "Component")]
// one after another: a process being started (mount) holds copies of open locks for a moment
[Collection("SQLite journal")]
public sealed class SqliteMigrationTests : JournalMigrationContract, IAsyncLifetime
{
    private readonly JournalFolder _folder = new();

    private protected override long Newest => 4;

    private protected override string Obstacle => "CREATE INDEX request_dead_destination ON request(seq)";

    private protected override string Remedy => "DROP INDEX request_dead_destination";

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _folder.DisposeAsync().AsTask();

    [Fact]
    public async Task CrashInTheMiddle_LeavesVersion1()
    {
        await MakeVersion1Async();
        await using var crashed = new JournalFolder();
        await using (
            var connection = _folder.Shell("PRAGMA journal_mode = WAL; PRAGMA cache_size = 1; BEGIN IMMEDIATE")
        )
        {
            SqliteSchema.Migrate(connection);
            foreach (var file in Directory.GetFiles(_folder.Root))
                File.Copy(file, Path.Combine(crashed.Root, Path.GetFileName(file))); // what a dead process leaves
        }

        Assert.Equal((1, false), await VersionAsync(crashed));
        await using var journal = await crashed.StartAsync();
        Assert.Equal(2, journal.Status.Backlog);
        Assert.Equal((Newest, true), await VersionAsync(crashed));
    }

    private protected override async Task<IJournal> StartAsync() => await _folder.StartAsync();

    private protected override async Task MakeVersion1Async(Func<IJournal, Task> fill)
    {
        await using (var journal = await _folder.StartAsync())
            await fill(journal);
        var today = _folder.Journal + ".today";
        File.Move(_folder.Journal, today);
        await using var connection = _folder.Shell(Schema("sqlite-v1.sql"));
        SqliteSchema.Run(connection, $"ATTACH '{today}' AS today");
        foreach (var table in new[] { "request", "idempotency", "encryption_key", "meta" })
        {
            var columns = Columns(connection, table);
            SqliteSchema.Run(connection, $"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM today.{table}");
        }
    }

    private protected override async Task ExecuteAsync(string sql) => await _folder.Shell(sql).DisposeAsync();

    private protected override Task<(long Version, bool HasNewColumn)> VersionAsync() => VersionAsync(_folder);

    private protected override Task WaitUntilAvailableAsync(IJournal journal) =>
        _folder.TickUntilAsync(() => journal.Status.IsAvailable, "the journal is open");

    private static async Task<(long Version, bool HasNewColumn)> VersionAsync(JournalFolder folder)
    {
        await using var connection = folder.Shell();
        return (
            SqliteSchema.Number(connection, "PRAGMA user_version"),
            SqliteSchema.Number(
                connection,
                "SELECT count(*) FROM pragma_table_info('request') WHERE name = 'redriven_at'"
            ) > 0
        );
    }

    /// <summary>The columns that version 1 has.</summary>
    private static string Columns(SqliteConnection connection, string table)
    {
        using var names = new PreparedQuery(connection, $"SELECT name FROM pragma_table_info('{table}', 'main')");
        return string.Join(", ", names.All(row => row.GetString(0)));
    }
}
