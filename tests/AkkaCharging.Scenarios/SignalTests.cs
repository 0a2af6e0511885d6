using System.Net;
using System.Net.Sockets;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>Signals at moments when a service is not yet, or no longer, at its work.</summary>
[Trait("Category", "Scenario")]
public sealed class SignalTests : IDisposable
{
    private static readonly TimeSpan StopBound = TimeSpan.FromSeconds(15);
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // The runtime obeys signals before the program does: the first moment is that at which the program took over.
    [Theory]
    [InlineData(0)]
    [InlineData(75)]
    [InlineData(150)]
    [InlineData(225)]
    [InlineData(300)]
    [InlineData(400)]
    [InlineData(500)]
    [InlineData(700)]
    public async Task SigtermDuringTheStart_ExitsWith0_WithoutAnError(int millisAfterTakingOver)
    {
        await using var service = ServiceProcess.Launch(ScenarioFolder.Settings(), _folder.Path);
        await Eventually.HoldsAsync(() => service.Process.HandlesHangUp(), "it handles signals");
        await Task.Delay(millisAfterTakingOver); // the moment is what the test varies

        service.Process.Terminate();

        Assert.Equal(0, await service.Process.ExitAsync(StopBound));
        Assert.Empty(service.Process.Error);
        Assert.DoesNotContain(service.Process.Output, line => line.Contains("\"@x\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task SigtermWhileTheDatabaseIsSilent_ExitsWith0()
    {
        using var silent = new TcpListener(IPAddress.Loopback, port: 0);
        silent.Start();
        var key = Convert.ToBase64String(new byte[32]);
        await using var service = ServiceProcess.Launch(
            ScenarioFolder.Settings(
                ("JOURNAL_KIND", "postgres"),
                ("JOURNAL_ENCRYPTION_KEYS", key),
                (
                    "JOURNAL_CONNECTION_STRING",
                    $"Host=127.0.0.1;Port={((IPEndPoint)silent.LocalEndpoint).Port};Username=a;Password=b;Database=c"
                )
            ),
            _folder.Path
        );
        using var asked = await silent.AcceptTcpClientAsync().WaitAsync(Eventually.Patience);

        service.Process.Terminate();

        Assert.Equal(0, await service.Process.ExitAsync(StopBound));
        Assert.Empty(service.Process.Error);
    }

    [Fact]
    public async Task Sighup_EndsNothing_AndHasWatchedFilesReadAgain()
    {
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(("JOURNAL_KIND", "memory")),
            _folder.Path
        );
        var before = await service.AcceptAsync(receiver.Url("/gate"), ScenarioFolder.AllowedToken);

        service.Process.HangUp();

        await Eventually.HoldsAsync(
            () => service.Process.Output.Any(line => line.Contains("Loaded 2 rules", StringComparison.Ordinal)),
            "the access list is read again"
        );
        var after = await service.AcceptAsync(receiver.Url("/gate"), ScenarioFolder.AllowedToken);
        await receiver.OpenGateAsync();
        foreach (var id in (string[])[before, after])
            await service.StateAsync(id, "delivered");
        Assert.Equal(0, await service.StopAsync());
    }
}
