using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>The reader of the service's standard output hangs: the pipe is full, and writing to it blocks.</summary>
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
        await using var receiver = await ReceiverProcess.StartAsync();
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
}
