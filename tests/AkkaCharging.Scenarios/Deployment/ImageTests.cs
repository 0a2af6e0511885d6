using System.Globalization;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.Deployment;

/// <summary>
/// The image that the Dockerfile makes, started as a container platform starts it: an unprivileged user, a read-only
/// root file system, SIGTERM.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class ImageTests(BuiltImage image) : IClassFixture<BuiltImage>, IDisposable
{
    private readonly ScenarioFolder _folder = new();

    private string Journal => Directory.CreateDirectory(Path.Combine(_folder.Path, "data")).FullName;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(JournalHome.Sqlite, "journal.db", "journal.db.key", "journal.db.lock")]
    [InlineData(JournalHome.Postgres)]
    public async Task Image_Serves_AndWritesNothingButTheJournal(string kind, params string[] files)
    {
        await using var home = kind == JournalHome.Postgres ? await JournalHome.NewAsync(kind) : null;
        var settings = home?.Settings() ?? ScenarioFolder.Settings();
        settings["AUTHORIZATION_ACL_FILE"] = "data/acl.csv";
        File.Copy(Path.Combine(_folder.Path, "acl.csv"), Path.Combine(Journal, "acl.csv"));

        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartProgramAsync(
            image.Command(Journal),
            settings,
            _folder.Path
        );
        settings["SERVER_PORT"] = service.Port.ToString(CultureInfo.InvariantCulture);
        await using var health = ChildProcess.StartProgram(image.Command(Journal, "health"), _folder.Path, settings);
        var status = File.ReadLines($"/proc/{service.Process.Id}/status")
            .Select(line => line.Split(':'))
            .ToDictionary(pair => pair[0], pair => pair[1].Trim(), StringComparer.Ordinal);

        await service.AcceptAsync(receiver.Url(), ScenarioFolder.AllowedToken);
        await Eventually.HoldsAsync(async () => await receiver.CountAsync() == 1, "the callback arrives");

        Assert.Equal("allowed", Assert.Single(await receiver.ReceivedAsync()).Status);
        Assert.Equal(
            (0, "UP"),
            (await health.ExitAsync(), (await service.GetAsync("/health")).GetProperty("status").GetString())
        );
        Assert.Equal(
            ("1654\t1654\t1654\t1654", "0000000000000000", "1"),
            (status["Uid"], status["CapEff"], status["NoNewPrivs"])
        );
        Assert.Equal(0, await service.StopAsync());
        Assert.Empty(service.Process.Error);
        Assert.Equal(
            ["acl.csv", .. files],
            Directory.EnumerateFiles(Journal).Select(Path.GetFileName).Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public async Task Image_RefusesToServeAnybody_UnlessItIsTold()
    {
        File.Copy(Path.Combine(_folder.Path, "acl.csv"), Path.Combine(Journal, "acl.csv"));
        await using var service = ChildProcess.StartProgram(
            image.Command(Journal),
            _folder.Path,
            new Dictionary<string, string> { ["AUTHORIZATION_ACL_FILE"] = "data/acl.csv" }
        );

        Assert.Equal(1, await service.ExitAsync());
        Assert.Contains(service.Error, line => line.Contains("server.allowAnonymous", StringComparison.Ordinal));
    }

    [Fact]
    public void Image_IsSmall_AndHoldsNoShell_NoSource_NoJournal()
    {
        var app = Path.Combine(image.RootFileSystem, "app");

        Assert.Equal(
            (
                "1654:1654",
                "/var/lib/akkacharging",
                "/app/AkkaCharging.Host",
                "/var/lib/akkacharging/data",
                "8080/tcp",
                "CMD /app/AkkaCharging.Host health"
            ),
            (image["user"], image["directory"], image["entrypoint"], image["volume"], image["port"], image["health"])
        );
        Assert.InRange(
            Directory.EnumerateFiles(app, "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length),
            1_000_000,
            30_000_000
        );
        Assert.DoesNotContain(
            Directory.EnumerateFiles(app, "*", SearchOption.AllDirectories),
            file => Path.GetExtension(file) is ".cs" or ".pdb" or ".xml" or ".db" or ".key"
        );
        Assert.False(Directory.Exists(Path.Combine(image.RootFileSystem, "source")));
        Assert.Empty(Directory.EnumerateFileSystemEntries(image.RootFileSystem + image["volume"]));
    }
}
