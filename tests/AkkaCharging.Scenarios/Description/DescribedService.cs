using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.Description;

/// <summary>
/// A service with every public route, whose descriptions lie as files beside the programs that read them. Those are npm
/// packages, which <c>test.sh</c> installs.
/// </summary>
public sealed class DescribedService : IAsyncLifetime
{
    internal static readonly string Programs = Path.Combine(Repository.Root, "tests", "api-description");
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    internal RunningService Service { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Service = await RunningService.StartAsync(settings =>
            settings with
            {
                Adapters = new(new(Enabled: true)),
                Authorization = settings.Authorization with { TypedTokens = true },
            }
        );
        var folder = Directory.CreateDirectory(Path.Combine(Programs, "generated")).FullName;
        foreach (var (listener, name) in new[] { (Service.Http, "v1.json"), (Service.Management, "admin.json") })
            await File.WriteAllTextAsync(
                Path.Combine(folder, name),
                await listener.GetStringAsync(new Uri($"/openapi/{name}", UriKind.Relative))
            );
    }

    public Task DisposeAsync() => Service.DisposeAsync().AsTask();

    /// <summary>Runs a program of a package.</summary>
    /// <returns>What it wrote to its output.</returns>
    internal static Task<(int ExitCode, string Output, string Everything)> RunPackageAsync(
        string name,
        params string[] arguments
    )
    {
        var program = Path.Combine(Programs, "node_modules", ".bin", name);
        Assert.True(File.Exists(program), $"./test.sh installs npm packages into {Programs}");
        return RunAsync([program, .. arguments]);
    }

    /// <summary>Runs a program in the folder of the packages.</summary>
    /// <returns>What it wrote to its output.</returns>
    internal static async Task<(int ExitCode, string Output, string Everything)> RunAsync(string[] command)
    {
        await using var program = ChildProcess.StartProgram(
            command,
            Programs,
            new Dictionary<string, string>
            {
                ["REDOCLY_TELEMETRY"] = "off",
                ["REDOCLY_SUPPRESS_UPDATE_NOTICE"] = "true",
            }
        );
        var exitCode = await program.ExitAsync(Patience);
        return (exitCode, string.Join('\n', program.Output), program.Everything);
    }
}
