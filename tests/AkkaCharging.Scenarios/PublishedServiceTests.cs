using System.Reflection;
using System.Text.Json;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>
/// The service as it is deployed: published, started in a folder that holds nothing of the repository.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class PublishedServiceTests : IDisposable
{
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void BillOfMaterials_ListsEveryPackageOfTheService()
    {
        var bill = Read(Path.Combine(Repository.Root, "artifacts", "sbom", "akkacharging.cdx.json"));
        var listed = bill.GetProperty("components")
            .EnumerateArray()
            .Select(component => component.GetProperty("purl").GetString());
        var shipped = Read(Path.ChangeExtension(ServiceProcess.Executable, ".deps.json"))
            .GetProperty("libraries")
            .EnumerateObject()
            .Where(library => library.Value.GetProperty("type").GetString() == "package")
            .Select(library => $"pkg:nuget/{library.Name.Replace('/', '@')}")
            .ToList();

        Assert.NotEmpty(shipped);
        Assert.Empty(shipped.Except(listed));

        static JsonElement Read(string file) => JsonDocument.Parse(File.ReadAllText(file)).RootElement;
    }

    [Fact]
    public async Task PublishedService_RunsWithAMinimalFile_FromAnyFolder()
    {
        var published = Path.Combine(_folder.Path, "published");
        var elsewhere = Directory.CreateDirectory(Path.Combine(_folder.Path, "elsewhere")).FullName;
        await PublishAsync(published);
        AssertLean(published);
        var port = FreePort.Next();
        _folder.Write(
            "minimal.conf",
            $$"""
            server { host = "127.0.0.1", port = {{port}} }
            authorization.acl.file = "../acl.csv"
            callback.security { allow = ["127.0.0.1/32"], allowedPorts = [] }
            """
        );

        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            new Dictionary<string, string> { ["SERVER_PORT"] = $"{port}" },
            elsewhere,
            ["--config", "../minimal.conf"],
            Path.Combine(published, "AkkaCharging.Host.dll")
        );
        await service.AcceptAsync(receiver.Url(), ScenarioFolder.AllowedToken);
        await Eventually.HoldsAsync(async () => await receiver.CountAsync() == 1, "the callback arrives");

        Assert.Equal("allowed", Assert.Single(await receiver.ReceivedAsync()).Status);
        Assert.True(File.Exists(Path.Combine(published, "hocon", "reference.conf")));
        Assert.Equal(0, await service.StopAsync());
        // the journal's folder
        Assert.Equal("data", Path.GetFileName(Assert.Single(Directory.EnumerateFileSystemEntries(elsewhere))));
    }

    /// <summary>Packages of packages that the service never uses are not part of it.</summary>
    private static void AssertLean(string published) =>
        Assert.DoesNotContain(
            Directory
                .EnumerateFiles(published, "*", SearchOption.AllDirectories)
                .Select(file => Path.GetFileNameWithoutExtension(file)),
            name =>
                name
                    is "System.Drawing.Common"
                        or "System.Security.Permissions"
                        or "System.Windows.Extensions"
                        or "Serilog.Sinks.Debug"
                        or "Serilog.Sinks.File"
                        or "LightningDB"
                || name.Contains("lmdb", StringComparison.Ordinal)
        );

    private static async Task PublishAsync(string folder)
    {
        var configuration = typeof(PublishedServiceTests)
            .Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!
            .Configuration;
        await using var publish = ChildProcess.Start(
            [
                "publish",
                "src/AkkaCharging.Host",
                "--no-build",
                "-c",
                configuration,
                "-o",
                folder,
                "-nodeReuse:false",
                "-v",
                "q",
            ],
            Repository.Root
        );
        Assert.True(await publish.ExitAsync(TimeSpan.FromMinutes(2)) == 0, publish.Everything);
    }
}
