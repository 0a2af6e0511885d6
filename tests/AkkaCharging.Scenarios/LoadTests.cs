using System.Diagnostics;
using System.Globalization;
using AkkaCharging.Testing;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios;

/// <summary>
/// The whole journey under load. Asserts that nothing is lost and prints how fast it was; bench/ checks the goals on a
/// quiet machine.
/// </summary>
[Collection(nameof(RunsAlone))]
[Trait("Category", "Performance")]
[Trait("QuietGroup", "1")]
public sealed class LoadTests(ITestOutputHelper output) : IDisposable
{
    private static readonly TimeSpan AcceptBound = TimeSpan.FromMilliseconds(250);
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task HundredConcurrentSubmissions_ThenFiveThousand_AreAllCalledBack()
    {
        await using var receiver = await ReceiverProcess.StartAsync();
        await using var service = await ServiceProcess.StartAsync(ScenarioFolder.Settings(), _folder.Path);

        var accept = new List<TimeSpan>
        {
            await RunAsync(service, receiver, count: 100, connections: 100, accepted: 100, "cold"),
            await RunAsync(service, receiver, count: 5_000, connections: 64, accepted: 5_100, "warm"),
            await RunAsync(service, receiver, count: 5_000, connections: 64, accepted: 10_100, "hot"),
        };

        // A stall of a shared machine spoils one run; a slow service all of them.
        Assert.InRange(accept.Min(), TimeSpan.Zero, AcceptBound);
    }

    /// <returns>The 99th percentile of the time to accept.</returns>
    private async Task<TimeSpan> RunAsync(
        ServiceProcess service,
        ReceiverProcess receiver,
        int count,
        int connections,
        int accepted,
        string name
    )
    {
        var path = $"/ok/{name}";
        var submissions = new (string Id, long At, TimeSpan Accept)[count];
        var startedAt = Stopwatch.GetTimestamp();
        await Parallel.ForAsync(
            0,
            count,
            new ParallelOptions { MaxDegreeOfParallelism = connections },
            async (number, _) =>
            {
                var at = Stopwatch.GetTimestamp();
                var id = await service.AcceptAsync(receiver.Url(path), ScenarioFolder.AllowedToken);
                submissions[number] = (id, at, Stopwatch.GetElapsedTime(at));
            }
        );
        await Eventually.HoldsAsync(async () => await receiver.CountAsync() == accepted, "every callback arrives");

        var arrivals = (await receiver.ReceivedAsync())
            .Where(arrival => arrival.Path == path)
            .ToDictionary(arrival => arrival.WebhookId, StringComparer.Ordinal);
        Assert.Equal(
            submissions.Select(submission => submission.Id).Order(StringComparer.Ordinal),
            arrivals.Keys.Order(StringComparer.Ordinal)
        );
        await AssertMetricsAsync(service, accepted);
        var accept = submissions.Select(submission => submission.Accept).Order().ToList();
        var endToEnd = submissions
            .Select(submission => Stopwatch.GetElapsedTime(submission.At, arrivals[submission.Id].Ticks))
            .Order()
            .ToList();
        var throughput =
            count / Stopwatch.GetElapsedTime(startedAt, arrivals.Values.Max(arrival => arrival.Ticks)).TotalSeconds;
        Print(
            $"{name}: {count} requests over {connections} connections: {throughput:F0} journeys/s; accept p50 "
                + $"{Millis(accept, 50)} ms, "
                + $"p99 {Millis(accept, 99)} ms (goal on a quiet machine: p99 < 10 ms); end to end p50 "
                + $"{Millis(endToEnd, 50)} ms, p99 {Millis(endToEnd, 99)} ms"
        );
        return Percentile(accept, 99);
    }

    private static async Task AssertMetricsAsync(ServiceProcess service, int accepted)
    {
        await Eventually.HoldsAsync(
            async () =>
                (await service.GetAsync("/metrics")).GetProperty("deliveries_total").GetProperty("delivered").GetInt32()
                == accepted,
            "all are settled"
        );
        var metrics = await service.GetAsync("/metrics");
        Assert.Equal(accepted, metrics.GetProperty("requests_total").GetInt32());
        Assert.Equal(accepted, metrics.GetProperty("authorization_decisions").GetProperty("allowed").GetInt32());
        Assert.Equal(accepted, metrics.GetProperty("callback_results").GetProperty("success").GetInt32());
        Assert.Equal(0, metrics.GetProperty("queue_size_current").GetInt32());
    }

    private void Print(string line)
    {
        output.WriteLine(line);
        Console.WriteLine(line);
    }

    private static TimeSpan Percentile(List<TimeSpan> sorted, int percent) =>
        sorted[Math.Min(sorted.Count * percent / 100, sorted.Count - 1)];

    private static string Millis(List<TimeSpan> sorted, int percent) =>
        Percentile(sorted, percent).TotalMilliseconds.ToString("F1", CultureInfo.InvariantCulture);
}
