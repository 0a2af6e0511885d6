using System.Globalization;
using System.Net;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Postgres;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios;

/// <summary>SIGKILL to the service, and to PostgreSQL under it, while clients submit: every 200 is kept.</summary>
/// <remarks>
/// <c>AKKACHARGING_KILLS=20 dotnet test tests/AkkaCharging.Scenarios --filter KillTests</c> kills the service as often
/// as it says, PostgreSQL a quarter as often; 4 without it.
/// </remarks>
[Trait("Category", "Scenario")]
public sealed class KillTests(ITestOutputHelper output) : IDisposable
{
    private const int Seed = 20_261_122;
    private static readonly int Kills = int.Parse(
        Environment.GetEnvironmentVariable("AKKACHARGING_KILLS") ?? "4",
        CultureInfo.InvariantCulture
    );
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(JournalHome.Sqlite)]
    [InlineData(JournalHome.Postgres)]
    public async Task ServiceKilledUnderLoad_EveryAcceptedRequestIsDelivered_AndDecidedOnce(string kind)
    {
        await using var journal = await JournalHome.NewAsync(kind);
        await using var first = await RecordingReceiver.StartAsync();
        await using var second = await RecordingReceiver.StartAsync();
        var settings = journal.Settings([
            .. ClientLoad.Unhurried,
            ("SERVER_PORT", FreePort.Next().ToString(CultureInfo.InvariantCulture)),
        ]);
        var service = await ServiceProcess.StartAsync(settings, _folder.Path);
        try
        {
            var load = new ClientLoad(
                service.Port,
                first.Url("/ok"),
                second.Url("/ok"),
                first.Url("/fail-twice"),
                second.Url("/fail-twice")
            );
            var random = new Random(Seed);
            for (var kill = 0; kill < Kills; kill++)
            {
                await load.MoreIsAcceptedAsync(1);
                // Only time is waited for, so that the kill comes at an arbitrary moment of the service's work.
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(200, 1_200)), TimeProvider.System);
                await service.Process.CrashAsync();
                await service.DisposeAsync();
                service = await ServiceProcess.StartAsync(settings, _folder.Path);
            }

            var accepted = load.Accepted.Count;
            await Eventually.HoldsAsync(() => load.Accepted.Count > accepted, "it accepts after the last kill");
            await load.StopAsync();

            output.WriteLine(
                $"{kind}, {Kills} kills, seed {Seed}: {await Promises.AreKeptAsync(service, load, first, second)}"
            );
        }
        finally
        {
            await service.DisposeAsync();
        }
    }

    [Fact]
    public async Task PostgresKilledUnderLoad_NothingIsAcceptedMeanwhile_AndTheServiceRecoversByItself()
    {
        await using var postgres = await PostgresServer.StartNewAsync();
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings([.. JournalHome.OnPostgres(postgres.ConnectionString), .. ClientLoad.Unhurried]),
            _folder.Path
        );
        var load = new ClientLoad(service.Port, receiver.Url("/ok"), receiver.Url("/fail-twice"));
        for (var kill = 0; kill < Math.Max(1, Kills / 4); kill++)
        {
            await load.MoreIsAcceptedAsync(200);

            await postgres.KillAsync();

            await Eventually.HoldsAsync(
                async () => await service.StatusOfAsync("/health/ready") == HttpStatusCode.ServiceUnavailable,
                "not ready"
            );
            Assert.Equal(HttpStatusCode.ServiceUnavailable, await service.StatusOfAsync("/health"));
            var health = await service.GetAsync("/health");
            Assert.Equal("DOWN", health.GetProperty("status").GetString());
            Assert.Equal(
                "DOWN",
                health.GetProperty("components").GetProperty("journal").GetProperty("status").GetString()
            );
            var (accepted, refused) = (load.Accepted.Count, load.Refused.Count);
            await Eventually.HoldsAsync(() => load.Refused.Count >= refused + 50, "submissions are refused");
            // answers that were on their way to the clients
            Assert.InRange(load.Accepted.Count, accepted, accepted + 8);
            await postgres.StartAsync();
            await Eventually.HoldsAsync(
                async () => await service.StatusOfAsync("/health/ready") == HttpStatusCode.OK,
                "ready again"
            );
        }

        output.WriteLine(await Promises.AreKeptAfterOutageAsync(service, load, receiver));
        Assert.Equal(
            "UP",
            (await service.GetAsync("/health"))
                .GetProperty("components")
                .GetProperty("journal")
                .GetProperty("status")
                .GetString()
        );
    }
}
