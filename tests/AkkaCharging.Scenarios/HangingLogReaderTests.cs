using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>
/// Nobody takes the service's standard output: the pipe is full and writing to it blocks, or writing to it fails.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class HangingLogReaderTests : IDisposable
{
    // About 300 bytes a decision: several times what a pipe holds.
    private const int Requests = 1_000;
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <param name="launcher">What gives standard error the same pipe, and fills it to the last byte.</param>
    [Theory]
    [InlineData]
    [InlineData("sh", "-c", "head -c 200000 /dev/zero 2>&1 & exec \"$@\" 2>&1", "sh")]
    public async Task NobodyReadsTheLog_EveryRequestIsDeliveredAllTheSame_AndTheStopEnds(params string[] launcher)
    {
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = ServiceProcess.Launch(
            ScenarioFolder.Settings(),
            _folder.Path,
            readsOutput: false,
            launcher: launcher
        );
        await Eventually.HoldsAsync(
            async () => await service.StatusOfAsync("/health/ready") == System.Net.HttpStatusCode.OK,
            "the service is ready"
        );

        for (var sent = 0; sent < Requests; sent++)
            await service.AcceptAsync(receiver.Url("/ok"), ScenarioFolder.AllowedToken);

        await Eventually.HoldsAsync(
            async () =>
                (await service.GetAsync("/metrics")).GetProperty("deliveries_total").GetProperty("delivered").GetInt64()
                == Requests,
            "all are delivered"
        );

        service.Process.Terminate();

        // Nothing is pending, so that what remains is the bound for the last lines of the log.
        Assert.Equal(0, await service.Process.ExitAsync(TimeSpan.FromSeconds(15)));
        if (launcher is [])
            Assert.Contains(
                service.Process.Error,
                line => line.Contains("nothing is reading standard output", StringComparison.Ordinal)
            );
    }

    /// <summary>Such as a file on a full disk, or a terminal whose session has ended.</summary>
    [Fact]
    public async Task LogThatCannotBeWritten_EndsNothing_AndIsTold()
    {
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = ServiceProcess.Launch(
            ScenarioFolder.Settings(),
            _folder.Path,
            readsOutput: false,
            launcher: ["sh", "-c", "exec \"$@\" > /dev/full", "sh"]
        );
        await Eventually.HoldsAsync(
            async () => await service.StatusOfAsync("/health/ready") == System.Net.HttpStatusCode.OK,
            "the service is ready"
        );

        var id = await service.AcceptAsync(receiver.Url("/ok"), ScenarioFolder.AllowedToken);

        await service.StateAsync(id, "delivered");
        service.Process.Terminate();
        Assert.Equal(0, await service.Process.ExitAsync(TimeSpan.FromSeconds(15)));
        Assert.Contains(
            service.Process.Error,
            line => line.Contains("standard output cannot be written (No space left", StringComparison.Ordinal)
        );
    }
}
