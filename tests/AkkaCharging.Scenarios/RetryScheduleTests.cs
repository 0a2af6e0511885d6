using System.Diagnostics;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>The default schedule of callback attempts, as a receiver sees it.</summary>
[Collection(nameof(RunsAlone))]
[Trait("Category", "Scenario")]
[Trait("QuietGroup", "3")]
public sealed class RetryScheduleTests : IDisposable
{
    // For an attempt, its way through the journal, and a busy machine's timers.
    private static readonly TimeSpan Slack = TimeSpan.FromMilliseconds(800);
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task ReceiverThatAlwaysFails_SeesAttemptsAt0And1And3And7Seconds_ThenFailed()
    {
        await using var receiver = await ReceiverProcess.StartAsync();
        await using var service = await ServiceProcess.StartAsync(ScenarioFolder.Settings(), _folder.Path);
        var id = await service.AcceptAsync(receiver.Url("/status/503"), ScenarioFolder.AllowedToken);

        var page = await service.StateAsync(id, "failed");

        var received = await receiver.ReceivedAsync();
        Assert.Equal([503, 503, 503, 503], received.Select(arrival => arrival.Answered));
        Assert.Equal([id], received.Select(arrival => arrival.WebhookId).Distinct(StringComparer.Ordinal));
        var waits = received
            .Zip(received.Skip(1), (earlier, later) => Stopwatch.GetElapsedTime(earlier.Ticks, later.Ticks))
            .ToList();
        foreach (var (wait, seconds) in waits.Zip([1, 2, 4]))
            Assert.InRange(wait, TimeSpan.FromSeconds(seconds), TimeSpan.FromSeconds(seconds * 1.2) + Slack);

        Assert.Equal("allowed", page.GetProperty("status").GetString());
        Assert.Equal(
            Enumerable.Repeat("503 http_error", 4),
            page.GetProperty("attempts")
                .EnumerateArray()
                .Select(attempt =>
                    $"{attempt.GetProperty("httpStatus").GetInt32()} {attempt.GetProperty("outcome").GetString()}"
                )
        );
    }
}
