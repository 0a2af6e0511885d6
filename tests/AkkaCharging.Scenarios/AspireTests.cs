using System.Text.Json;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Postgres;

namespace AkkaCharging.Scenarios;

/// <summary>
/// The app host of samples/Aspire, built by <c>./test.sh</c>. No container engine is needed: its manifest has the
/// resources and what each of them is told, and the service and the receiver are started with that.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class AspireTests : IDisposable
{
    private const string SigningKey = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
    private static readonly string Sample = Path.Combine(Repository.Root, "samples", "Aspire");
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task ServiceAndReceiver_WorkWithWhatTheAppHostTellsThem()
    {
        var resources = await ModelAsync();
        Assert.Equal("container.v0", resources.GetProperty("postgres").GetProperty("type").GetString());
        Assert.EndsWith(
            "/src/AkkaCharging.Host/AkkaCharging.Host.csproj",
            resources.GetProperty("akkacharging").GetProperty("path").GetString(),
            StringComparison.Ordinal
        );
        await using var postgres = await PostgresServer.StartNewAsync();
        var port = FreePort.Next();
        var values = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["{receiver.bindings.http.targetPort}"] = $"{port}",
            ["{akkacharging.bindings.http.targetPort}"] = $"{FreePort.Next()}",
            ["{akkacharging.bindings.management.targetPort}"] = "0",
            ["{journal.connectionString}"] = postgres.ConnectionString,
            ["{journal-key.value}"] = Convert.ToBase64String(new byte[32]),
            ["{signing-key.value}"] = SigningKey,
        };

        await using var receiver = ChildProcess.Start(
            [BuiltProgram("Receiver")],
            _folder.Path,
            Environment(resources, "receiver", values)
        );
        await using var service = await ServiceProcess.StartAsync(
            Environment(resources, "akkacharging", values),
            _folder.Path
        );
        using var http = new HttpClient();
        var received = new Uri($"http://127.0.0.1:{port}/");
        await Eventually.HoldsAsync(async () => await TryAsync(http, received) is not null, "the receiver listens");
        await service.AcceptAsync(new Uri(received, "callbacks").AbsoluteUri, "demo-driver-token-0001");

        await Eventually.HoldsAsync(
            async () =>
                await TryAsync(http, received) is [var callback]
                && callback.GetProperty("status").ValueEquals("allowed"),
            "the receiver has verified and kept the callback"
        );
    }

    private static string BuiltProgram(string project)
    {
        var program = Path.Combine(Sample, project, "bin", "Release", "net10.0", $"{project}.dll");
        Assert.True(File.Exists(program), "./test.sh builds samples/Aspire");
        return program;
    }

    private async Task<JsonElement> ModelAsync()
    {
        var manifest = Path.Combine(_folder.Path, "manifest.json");
        await using var host = ChildProcess.Start(
            [BuiltProgram("AppHost"), "--publisher", "manifest", "--output-path", manifest],
            _folder.Path
        );
        Assert.Equal(0, await host.ExitAsync(TimeSpan.FromMinutes(2)));
        return JsonSerializer.Deserialize<JsonElement>(await File.ReadAllTextAsync(manifest)).GetProperty("resources");
    }

    private static Dictionary<string, string> Environment(
        JsonElement resources,
        string name,
        Dictionary<string, string> values
    ) =>
        resources
            .GetProperty(name)
            .GetProperty("env")
            .EnumerateObject()
            .ToDictionary(
                variable => variable.Name,
                variable => values.GetValueOrDefault(variable.Value.GetString()!, variable.Value.GetString()!),
                StringComparer.Ordinal
            );

    private static async Task<List<JsonElement>?> TryAsync(HttpClient http, Uri address)
    {
        try
        {
            return JsonSerializer.Deserialize<List<JsonElement>>(await http.GetStringAsync(address));
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}
