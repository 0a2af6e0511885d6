using System.Net.Http.Json;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.SilentNames;

/// <summary>
/// A process whose resolver completes names, as every pod's does, and a name server under which every completed name
/// exists.
/// </summary>
/// <remarks>
/// Where the user is not root and <see cref="FakeNameServer"/> is not permitted, the tests of AbsoluteLookup have to
/// do.
/// </remarks>
[Trait("Category", "Scenario")]
public sealed class AbsoluteNamesTests : IDisposable
{
    private const string Search = "svc.cluster.local";
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task OnlyTheAbsoluteName_IsAskedFor_AndTheHostsFileIsRead()
    {
        await using var names = await FakeNameServer.TryStartAsync(Search, "127.0.0.1 listed.example.com\n");
        if (names is null)
        {
            Assert.False(
                Environment.IsPrivilegedProcess,
                "Root, but no name server: port 53 of 127.53.53.53 is taken, or unshare (Debian: util-linux) is not"
                    + " there or may not make a mount namespace."
            );
            return;
        }

        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(("CALLBACK_MAX_RETRIES", "0")),
            _folder.Path,
            launcher: names.Launcher
        );

        await SubmitAsync("listed.example.com");
        await SubmitAsync($"hooks.{FakeNameServer.AnsweredZone}");
        await SubmitAsync("vault.prod"); // exists as vault.prod.svc.cluster.local alone
        await SubmitAsync("api.example.com.");

        await Eventually.HoldsAsync(
            async () => await SettledAsync("failed") == 2 && await SettledAsync("delivered") == 2,
            "all are settled"
        );
        Assert.Equal(2, await receiver.CountAsync());
        Assert.Equal(["api.example.com", $"hooks.{FakeNameServer.AnsweredZone}", "vault.prod"], names.Asked);
        Assert.Equal(0, await service.StopAsync());

        async Task SubmitAsync(string host)
        {
            using var answer = await service.Http.PostAsJsonAsync(
                ServiceProcess.SubmitPath,
                new
                {
                    stationId = RunningService.Station,
                    driverToken = ScenarioFolder.AllowedToken,
                    callbackUrl = $"http://{host}:{new Uri(receiver.Url()).Port}/ok",
                }
            );
            answer.EnsureSuccessStatusCode();
        }

        async Task<int> SettledAsync(string outcome) =>
            (await service.Http.GetBodyAsync("/metrics"))
                .GetProperty("deliveries_total")
                .GetProperty(outcome)
                .GetInt32();
    }
}
