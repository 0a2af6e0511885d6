using System.Text.Json;
using System.Text.RegularExpressions;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>
/// What the README promises for the first five minutes: <c>dotnet run</c> in the repository, a request, its callback.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class FirstStepsTests : IDisposable
{
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task DevelopmentStart_SampleToken_IsAllowedAtTheDemoReceiver()
    {
        await using var service = await StartAsync();

        var id = await service.AcceptAsync($"http://127.0.0.1:{service.Port}/dev/callbacks", "demo-driver-token-0001");

        var callback = default(JsonElement);
        await Eventually.HoldsAsync(
            async () =>
            {
                callback = (await service.GetAsync("/dev/callbacks")).EnumerateArray().FirstOrDefault();
                return callback.ValueKind == JsonValueKind.Object;
            },
            "the demo receiver lists a callback"
        );
        Assert.Equal(id, callback.GetProperty("webhookId").GetString());
        var body = callback.GetProperty("body");
        Assert.Equal(RunningService.Station, body.GetProperty("station_id").GetString());
        Assert.Equal("demo-driver-token-0001", body.GetProperty("driver_token").GetString());
        Assert.Equal("allowed", body.GetProperty("status").GetString());
    }

    [Fact]
    public async Task DevelopmentStart_ServesItsDescriptionAndLogsReadableText()
    {
        await using var service = await StartAsync();

        var page = await service.Http.GetStringAsync("/docs");
        var description = await service.GetAsync("/openapi/v1.json");

        Assert.Contains("<html", page, StringComparison.OrdinalIgnoreCase);
        Assert.True(description.GetProperty("paths").TryGetProperty(ServiceProcess.SubmitPath, out _));
        Assert.Equal(0, await service.StopAsync());
        Assert.All(
            service.Process.Output,
            line => Assert.Matches(new Regex(@"^\d\d:\d\d:\d\d\.\d{3} (INF|WRN) ", RegexOptions.ExplicitCapture), line)
        );
        Assert.Contains(
            service.Process.Output,
            line => line.EndsWith($"Now listening on: http://127.0.0.1:{service.Port}", StringComparison.Ordinal)
        );
        Assert.Empty(service.Process.Error);
    }

    // All as a newcomer has it, but for the journal: one that runs in the repository at this moment keeps its own.
    private Task<ServiceProcess> StartAsync() =>
        ServiceProcess.StartAsync(
            new Dictionary<string, string>
            {
                ["DOTNET_ENVIRONMENT"] = "Development",
                ["JOURNAL_PATH"] = Path.Combine(_folder.Path, "journal.db"),
            },
            Repository.Root
        );
}
