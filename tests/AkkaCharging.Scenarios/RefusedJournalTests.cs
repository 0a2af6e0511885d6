using System.Security.Cryptography;
using AkkaCharging.Testing;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Scenarios;

/// <summary>SQLite journals that a service must not use: it does not start, and says why.</summary>
[Trait("Category", "Scenario")]
public sealed class RefusedJournalTests : IDisposable
{
    private const string Unsettled = "http://127.0.0.1:9/nobody-listens";
    private readonly ScenarioFolder _folder = new();

    private string JournalPath => Path.Combine(_folder.Path, "journal.db");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task CorruptJournal()
    {
        await LeaveJournalAsync();
        await using (var file = new FileStream(JournalPath, FileMode.Open, FileAccess.Write))
            file.Write(RandomNumberGenerator.GetBytes(8_192)); // the header, and the schema after it

        await AssertRefusedAsync("journal.db is corrupt, or not a database");
    }

    [Fact]
    public async Task JournalOfANewerVersion()
    {
        await LeaveJournalAsync();
        await using (var connection = new SqliteConnection($"Data Source={JournalPath};Pooling=False"))
        {
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version = 999";
            await command.ExecuteNonQueryAsync();
        }

        await AssertRefusedAsync("journal.db has schema version 999; this version of the service reads up to ");
    }

    [Fact]
    public async Task JournalUnderAnotherKey()
    {
        await LeaveJournalAsync();
        File.WriteAllText(JournalPath + ".key", Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));

        await AssertRefusedAsync("The journal is encrypted with key ");
    }

    /// <summary>A journal with a request in it, written back into its one file.</summary>
    private async Task LeaveJournalAsync()
    {
        await using var journal = await JournalHome.NewAsync(JournalHome.Sqlite);
        await using var service = await ServiceProcess.StartAsync(
            journal.Settings(("SERVER_SHUTDOWN_GRACE_MILLIS", "100"), ("CALLBACK_RETRY_DELAY_MILLIS", "60000")),
            _folder.Path
        );
        await service.AcceptAsync(Unsettled, ScenarioFolder.AllowedToken);
        Assert.Equal(0, await service.StopAsync());
    }

    private async Task AssertRefusedAsync(string message)
    {
        await using var journal = await JournalHome.NewAsync(JournalHome.Sqlite);
        await using var service = ServiceProcess.Launch(journal.Settings(), _folder.Path);

        Assert.Equal(1, await service.Process.ExitAsync());

        Assert.Contains(message, string.Join('\n', service.Process.Error), StringComparison.Ordinal);
        Assert.DoesNotContain(service.Process.Error, line => line.StartsWith("   at ", StringComparison.Ordinal));
    }
}
