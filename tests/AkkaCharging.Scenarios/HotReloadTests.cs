using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>The access list changes under a running service.</summary>
[Trait("Category", "Scenario")]
public sealed class HotReloadTests : IDisposable
{
    private const string Token = "changing-driver-token-0001";
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task AccessListReplaced_NextDecisionDiffers_AndABrokenOneKeepsTheLast()
    {
        WriteRule("active");
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(ScenarioFolder.Settings(), _folder.Path);
        Assert.Equal("allowed in_acl", await DecideAsync(service, receiver));

        WriteRule("blocked");
        await Eventually.HoldsAsync(
            async () => await DecideAsync(service, receiver) == "not_allowed blocked",
            "the rule blocks"
        );
        Assert.Equal(("UP", null), await AclHealthAsync(service));

        _folder.Write(
            "acl.csv",
            $"token,stations,valid_from,valid_until,state\n"
                + $"{Token},*,,,active\nshort,*,,,active\n{Token},*,,,sometimes\n"
        );
        await Eventually.HoldsAsync(
            async () => (await AclHealthAsync(service)).Status == "DEGRADED",
            "health tells of the broken list"
        );
        var (_, problem) = await AclHealthAsync(service);
        Assert.Contains("line 3:", problem, StringComparison.Ordinal);
        Assert.Contains("line 4:", problem, StringComparison.Ordinal);
        Assert.DoesNotContain(Token, problem, StringComparison.Ordinal);
        Assert.Equal("DEGRADED", (await service.GetAsync("/health")).GetProperty("status").GetString());
        Assert.Equal("not_allowed blocked", await DecideAsync(service, receiver));

        WriteRule("active");
        await Eventually.HoldsAsync(async () => await AclHealthAsync(service) == ("UP", null), "health recovers");
        Assert.Equal("allowed in_acl", await DecideAsync(service, receiver));
        Assert.Contains(
            service.Process.Output,
            line => line.Contains("The access list was not reloaded, the previous one stays", StringComparison.Ordinal)
        );
    }

    /// <summary>To open a pipe would wait for its writer, and hold up the stop.</summary>
    [Fact]
    public async Task PipeInPlaceOfTheAccessList_IsReported_AndTheServiceStops()
    {
        WriteRule("active");
        await using var service = await ServiceProcess.StartAsync(ScenarioFolder.Settings(), _folder.Path);

        await Pipes.MakeAsync(Path.Combine(_folder.Path, "acl.csv"));
        await Eventually.HoldsAsync(
            async () => (await AclHealthAsync(service)).Status == "DEGRADED",
            "health tells of the pipe"
        );
        var (_, problem) = await AclHealthAsync(service);
        Assert.Contains("it is not a regular file", problem, StringComparison.Ordinal);

        Assert.Equal(0, await service.StopAsync());
    }

    [Fact]
    public async Task AccessListThatHangsWhoeverOpensIt_HoldsUpNothing_AndIsTakenUpOnceItCanBeRead()
    {
        WriteRule("active");
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(ScenarioFolder.Settings(), _folder.Path);

        using (await ReplaceByHangingAsync("blocked"))
            Assert.Equal("allowed in_acl", await DecideAsync(service, receiver));
        await Eventually.HoldsAsync(
            async () => await DecideAsync(service, receiver) == "not_allowed blocked",
            "the rule blocks"
        );

        using var hanging = await ReplaceByHangingAsync("active");
        Assert.Equal(0, await service.StopAsync());
    }

    private void WriteRule(string state, string name = "acl.csv") =>
        _folder.Write(name, $"token,stations,valid_from,valid_until,state\n{Token},*,,,{state}\n");

    /// <summary>Replaces the access list, and waits until the service hangs at it.</summary>
    private async Task<HangingFile> ReplaceByHangingAsync(string state)
    {
        WriteRule(state, "next.csv");
        var next = Path.Combine(_folder.Path, "next.csv");
        var hanging = new HangingFile(next);
        File.Move(next, Path.Combine(_folder.Path, "acl.csv"), overwrite: true);
        await Eventually.HoldsAsync(() => Task.FromResult(hanging.IsAwaited), "the list is being opened");
        return hanging;
    }

    /// <summary>The decision as the receiver got it, and its reason.</summary>
    private static async Task<string> DecideAsync(ServiceProcess service, RecordingReceiver receiver)
    {
        var id = await service.AcceptAsync(receiver.Url(), Token);
        var page = await service.StateAsync(id, "delivered");
        var callback = Assert.Single(await receiver.ReceivedAsync(), arrival => arrival.WebhookId == id);
        Assert.Equal(page.GetProperty("status").GetString(), callback.Status);
        return $"{callback.Status} {page.GetProperty("reason").GetString()}";
    }

    private static async Task<(string Status, string? Problem)> AclHealthAsync(ServiceProcess service)
    {
        var acl = await service.ComponentAsync("acl");
        return (
            acl.GetProperty("status").GetString()!,
            acl.GetProperty("details").TryGetProperty("problem", out var problem) ? problem.GetString() : null
        );
    }
}
