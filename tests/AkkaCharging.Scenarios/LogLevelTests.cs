using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>The operator edits the settings file of a running service.</summary>
[Trait("Category", "Scenario")]
public sealed class LogLevelTests : IDisposable
{
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task LevelOfTheChangedFile_IsInForce_AndABrokenFileKeepsTheOneBefore()
    {
        Write("warning");
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(),
            _folder.Path,
            ["--config", "my.conf"]
        );
        var ids = new List<string> { await DeliverAsync(service, receiver) };

        Write("info");
        await IsSaidAsync(service, "Log level changed from Warning to Info");
        ids.Add(await DeliverAsync(service, receiver));
        await IsSaidAsync(service, "Decided", ids[1]);

        Write("loud");
        await IsSaidAsync(
            service,
            "The changed settings are invalid, the log level stays Info",
            "my.conf:1",
            "logging.level"
        );
        ids.Add(await DeliverAsync(service, receiver));
        await IsSaidAsync(service, "Decided", ids[2]);

        Write("error");
        await IsSaidAsync(service, "Log level changed from Info to Error");
        ids.Add(await DeliverAsync(service, receiver));

        _folder.Write("my.conf", "logging.level = error # and a comment");
        await IsSaidAsync(service, "the log level stays Error; other settings take effect at the next start");
        Assert.Equal(0, await service.StopAsync());
        Assert.Equal(
            [false, true, true, false],
            ids.Select(id => service.Process.Output.Any(line => HasAll(line, "Decided", id)))
        );
    }

    private void Write(string level) => _folder.Write("my.conf", $"logging.level = {level}");

    private static Task IsSaidAsync(ServiceProcess service, params string[] words) =>
        Eventually.HoldsAsync(
            () => service.Process.Output.Any(line => HasAll(line, words)),
            $"a line of the log has {string.Join(" and ", words)}"
        );

    private static bool HasAll(string line, params string[] words) =>
        words.All(word => line.Contains(word, StringComparison.Ordinal));

    private static async Task<string> DeliverAsync(ServiceProcess service, RecordingReceiver receiver)
    {
        var id = await service.AcceptAsync(receiver.Url(), ScenarioFolder.AllowedToken);
        await service.StateAsync(id, "delivered");
        return id;
    }
}
