using System.Diagnostics;
using System.Net;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Postgres;
using Npgsql;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios;

/// <summary>
/// A journal that is unavailable for a while under load: nothing is accepted meanwhile, nothing is lost, and the
/// service recovers by itself.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class JournalOutageTests(ITestOutputHelper output) : IDisposable
{
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(30);
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task ConnectionToPostgresCutFor30Seconds()
    {
        await using var postgres = await PostgresServer.StartNewAsync();
        await using var proxy = TcpProxy.To(new NpgsqlConnectionStringBuilder(postgres.ConnectionString).Port);
        var throughProxy = new NpgsqlConnectionStringBuilder(postgres.ConnectionString)
        {
            Port = proxy.Port,
        }.ConnectionString;
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings([.. JournalHome.OnPostgres(throughProxy), .. ClientLoad.Unhurried]),
            _folder.Path
        );
        var load = new ClientLoad(service.Port, receiver.Url("/ok"), receiver.Url("/fail-twice"));
        await load.MoreIsAcceptedAsync(100);

        proxy.Cut();
        await AssertDownAsync(service, load);
        var cut = Stopwatch.GetTimestamp();
        await Eventually.HoldsAsync(
            () => Task.FromResult(Stopwatch.GetElapsedTime(cut) > Outage),
            "the outage is over",
            Outage * 2
        );
        proxy.Restore();

        output.WriteLine(await Promises.AreKeptAfterOutageAsync(service, load, receiver));
    }

    [Fact]
    public async Task DiskOfTheSqliteJournalFull()
    {
        using var disk = new SmallDisk(Path.Combine(_folder.Path, "disk"), megabytes: 2);
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings([
                ("JOURNAL_KIND", JournalHome.Sqlite),
                ("JOURNAL_PATH", "disk/journal.db"),
                ("JOURNAL_MIN_FREE_BYTES", "0"),
                .. ClientLoad.Unhurried,
            ]),
            _folder.Path
        );
        var load = new ClientLoad(service.Port, receiver.Url("/ok"), receiver.Url("/fail-twice"));
        await Eventually.HoldsAsync(() => !load.Accepted.IsEmpty, "submissions are accepted");

        await AssertDownAsync(service, load); // it fills up by itself
        disk.Resize(megabytes: 256);

        output.WriteLine(await Promises.AreKeptAfterOutageAsync(service, load, receiver));
    }

    private static async Task AssertDownAsync(ServiceProcess service, ClientLoad load)
    {
        // All in one round: a disk that is nearly full takes a small write after it refused a large one, so that the
        // journal is down and up in turns at first.
        await Eventually.HoldsAsync(
            async () =>
                await service.StatusOfAsync("/health/ready") == HttpStatusCode.ServiceUnavailable
                && await service.StatusOfAsync("/health") == HttpStatusCode.ServiceUnavailable
                && (await service.GetAsync("/health"))
                    .GetProperty("components")
                    .GetProperty("journal")
                    .GetProperty("status")
                    .GetString() == "DOWN",
            "not ready, and the journal is down",
            TimeSpan.FromSeconds(60)
        );
        var refused = load.Refused.Count;
        await Eventually.HoldsAsync(() => load.Refused.Count >= refused + 50, "submissions are refused");
        Assert.Equal(HttpStatusCode.OK, await service.StatusOfAsync("/health/live"));
    }
}
