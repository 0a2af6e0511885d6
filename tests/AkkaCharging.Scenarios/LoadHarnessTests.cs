using System.Text.Json;
using AkkaCharging.Testing;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios;

/// <summary>
/// The load harness of <c>bench/</c> still runs: its smallest profile, whose figures say nothing. Measurements need a
/// quiet machine.
/// </summary>
[Collection(nameof(RunsAlone))]
[Trait("Category", "Performance")]
public sealed class LoadHarnessTests(ITestOutputHelper output) : IDisposable
{
    private static readonly string Harness = Path.Combine(AppContext.BaseDirectory, "AkkaCharging.Bench.dll");
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task SmallestProfile_EveryRunIsValid_AndReported()
    {
        var report = await RunAsync();

        Assert.Equal(
            [
                "journeys-memory",
                "journeys-sqlite",
                "ceiling",
                "accept-half",
                "end-to-end-half",
                "accept-queue-full",
                "accept-authorizer-hangs",
                "accept-receivers-hang",
            ],
            Keys(report)
        );
    }

    /// <summary>Starts Wolverine as well, and kills both.</summary>
    [Fact]
    public async Task DurableRows_EveryRunIsValid_AndNothingIsLost()
    {
        var report = await RunAsync("only=durable", "warmup=4");

        Assert.Equal(["durable-sqlite", "durable-kill-sqlite"], Keys(report));
        var kill = report.GetProperty("figures")[1];
        Assert.Equal(0, kill.GetProperty("judged").GetProperty("median").GetDouble());
        Assert.Equal("Wolverine, lost", kill.GetProperty("others")[0].GetProperty("name").GetString());
        Assert.Equal(0, kill.GetProperty("others")[0].GetProperty("median").GetDouble());
    }

    private async Task<JsonElement> RunAsync(params string[] options)
    {
        await using var harness = ChildProcess.Start(
            [Harness, "smoke", $"results={_folder.Path}", .. options],
            _folder.Path
        );

        var exitCode = await harness.ExitAsync(Patience);

        output.WriteLine(harness.Everything);
        Assert.True(exitCode == 0, harness.Everything);
        var report = JsonDocument
            .Parse(await File.ReadAllTextAsync(Path.Combine(_folder.Path, "smoke.json")))
            .RootElement;
        Assert.Equal(JsonValueKind.Null, report.GetProperty("failure").ValueKind);
        Assert.All(
            report.GetProperty("runs").EnumerateArray(),
            run => Assert.True(run.GetProperty("sent").GetInt32() > 0, run.GetRawText())
        );
        return report;
    }

    private static IEnumerable<string?> Keys(JsonElement report) =>
        report.GetProperty("figures").EnumerateArray().Select(figure => figure.GetProperty("key").GetString());
}
