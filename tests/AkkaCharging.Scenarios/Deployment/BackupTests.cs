using AkkaCharging.Testing;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Scenarios.Deployment;

/// <summary>
/// docs/deployment.md, Back-up and restore: what a running service's back-up holds is delivered from it elsewhere.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class BackupTests : IDisposable
{
    private readonly ScenarioFolder _folder = new();
    private readonly ScenarioFolder _elsewhere = new();

    public void Dispose()
    {
        _folder.Dispose();
        _elsewhere.Dispose();
    }

    [Fact]
    public async Task SqliteJournal_BackedUpWhileItIsServed_RestoredElsewhereWithItsKey_DeliversWhatWasPending()
    {
        await using var receiver = await RecordingReceiver.StartAsync();
        var settings = ScenarioFolder.Settings(("CALLBACK_TIMEOUT_MILLIS", "60000"));
        string id;
        await using (var first = await ServiceProcess.StartAsync(settings, _folder.Path))
        {
            id = await first.AcceptAsync(receiver.Url("/gate"), ScenarioFolder.AllowedToken);
            Backup("data/journal.db");
            File.Copy(
                Path.Combine(_folder.Path, "data", "journal.db.key"),
                Path.Combine(_elsewhere.Path, "data", "journal.db.key")
            );
            await first.Process.CrashAsync();
        }

        await receiver.OpenGateAsync();
        await using var second = await ServiceProcess.StartAsync(settings, _elsewhere.Path);

        await second.StateAsync(id, "delivered");
        Assert.All(
            await receiver.ReceivedAsync(),
            arrival => Assert.Equal((id, "allowed"), (arrival.WebhookId, arrival.Status))
        );
        Assert.Equal(0, await second.StopAsync());
    }

    [Fact]
    public async Task SqliteJournal_RestoredWithoutItsKey_RefusesTheStart_AndMakesNoNewOne()
    {
        await using (var first = await ServiceProcess.StartAsync(ScenarioFolder.Settings(), _folder.Path))
        {
            await first.AcceptAsync("http://127.0.0.1:1/", ScenarioFolder.AllowedToken);
            Backup("data/journal.db");
        }

        await using var second = ServiceProcess.Launch(ScenarioFolder.Settings(), _elsewhere.Path);

        Assert.Equal(1, await second.Process.ExitAsync());
        Assert.Contains(
            second.Process.Error,
            line => line.Contains("data/journal.db.key is missing", StringComparison.Ordinal)
        );
        Assert.False(File.Exists(Path.Combine(_elsewhere.Path, "data", "journal.db.key")));
    }

    /// <summary>What <c>sqlite3 FILE ".backup COPY"</c> does.</summary>
    private void Backup(string file)
    {
        Directory.CreateDirectory(Path.Combine(_elsewhere.Path, "data"));
        using var from = new SqliteConnection($"Data Source={Path.Combine(_folder.Path, file)};Pooling=False");
        using var to = new SqliteConnection($"Data Source={Path.Combine(_elsewhere.Path, file)};Pooling=False");
        from.Open();
        to.Open();
        from.BackupDatabase(to);
    }
}
