using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>The service's process has no file left for a callback's connection.</summary>
[Trait("Category", "Scenario")]
public sealed class CallbackFileShortageTests : IDisposable
{
    private const int Submissions = 20;
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>The limit falls below what is open, so that no file can be opened at all; the connection that the caller keeps goes on to be served.</summary>
    [Fact]
    public async Task NoFileForACallback_UsesUpNoAttempt_AndHealthSaysSo_UntilThereIsOne()
    {
        await using var receiver = await CallbackReceiver.StartAsync();
        await using var another = await CallbackReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(ScenarioFolder.Settings(("CALLBACK_MAX_RETRIES", "0")), _folder.Path);
        using var kept = new HttpClient(new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = 1 }) { BaseAddress = service.Http.BaseAddress };
        var warm = await AcceptAsync(kept, another.Url);
        await GetAsync(kept, "/health");
        await Eventually.HoldsAsync(async () => await StateAsync(kept, warm) == "delivered", "the first callback is delivered");

        await LimitAsync(service, "20:");
        var ids = new List<string>();
        for (var i = 0; i < Submissions; i++)
            ids.Add(await AcceptAsync(kept, receiver.Url));
        var callbacks = default(JsonElement);
        await Eventually.HoldsAsync(
            async () => (callbacks = (await GetAsync(kept, "/health")).GetProperty("components").GetProperty("callbacks")).GetProperty("details").TryGetProperty("problem", out var problem)
                && problem.GetString() == $"this process is out of files, {Submissions} callbacks wait for a connection",
            "all of them wait");
        Assert.Equal("DEGRADED", callbacks.GetProperty("status").GetString());
        foreach (var id in ids)
            Assert.Equal(("decided", 0), await ProgressAsync(kept, id));

        await LimitAsync(service, "1000:");
        foreach (var id in ids)
        {
            await Eventually.HoldsAsync(async () => await StateAsync(kept, id) == "delivered", "it is delivered");
            Assert.Equal(("delivered", 1), await ProgressAsync(kept, id));
        }

        Assert.Equal(Submissions, receiver.Received.Count);
    }

    private static async Task<string> AcceptAsync(HttpClient kept, string callbackUrl)
    {
        using var response = await kept.PostAsJsonAsync(
            ServiceProcess.SubmitPath, new { stationId = RunningService.Station, driverToken = ScenarioFolder.AllowedToken, callbackUrl });
        response.EnsureSuccessStatusCode();
        return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("requestId").GetString()!;
    }

    private static async Task<JsonElement> GetAsync(HttpClient kept, string path)
    {
        using var response = await kept.GetAsync(path);
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    private static async Task<string> StateAsync(HttpClient kept, string id) => (await ProgressAsync(kept, id)).State;

    private static async Task<(string State, int Attempts)> ProgressAsync(HttpClient kept, string id)
    {
        var page = await GetAsync(kept, $"{ServiceProcess.SubmitPath}/{id}");
        return (page.GetProperty("state").GetString()!, page.GetProperty("attempts").GetArrayLength());
    }

    /// <param name="limit">The soft limit; the hard one stays, so that it can be raised again.</param>
    private static async Task LimitAsync(ServiceProcess service, string limit)
    {
        using var prlimit = Process.Start("prlimit", ["--pid", service.Process.Id.ToString(CultureInfo.InvariantCulture), $"--nofile={limit}"]);
        await prlimit.WaitForExitAsync();
        Assert.Equal(0, prlimit.ExitCode);
    }
}
