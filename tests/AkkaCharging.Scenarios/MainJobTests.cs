using System.Globalization;
using System.Text.Json;
using AkkaCharging.ReceiverProcesses;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>
/// Ten thousand questions to a list of 100,000 rules, three receivers of which one fails twice each time: each gets its
/// one callback.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class MainJobTests : IDisposable
{
    private const int Requests = 10_000;
    private const int Connections = 64;
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task TenThousandRequests_EachGetsExactlyTheCallbackThatTheAccessListDemands()
    {
        _folder.Write("acl.csv", AccessListCase.Csv());
        await using var first = await RecordingReceiver.StartAsync();
        await using var second = await RecordingReceiver.StartAsync();
        await using var failing = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(
                ("CALLBACK_RETRY_DELAY_MILLIS", "200"),
                ("AUTHORIZATION_THROTTLE_ELEMENTS", "0"),
                ("CALLBACK_DESTINATION_BREAKER_ENABLED", "false"),
                ("QUEUE_MAX_SIZE", "20000")
            ),
            _folder.Path
        );
        var urls = new[] { first.Url("/ok/a"), second.Url("/ok/b"), failing.Url("/fail-twice/c") };
        var ids = new string[Requests];

        await Parallel.ForAsync(
            0,
            Requests,
            new ParallelOptions { MaxDegreeOfParallelism = Connections },
            async (number, _) =>
            {
                var question = AccessListCase.Of(number);
                ids[number] = await service.AcceptAsync(urls[number % 3], question.Token, question.Station);
            }
        );
        await Eventually.HoldsAsync(
            async () => await Settled(service) >= Requests,
            "every request is settled",
            TimeSpan.FromSeconds(60)
        );

        Assert.Equal(Requests, ids.Distinct(StringComparer.Ordinal).Count());
        var attempts = 0;
        foreach (var (receiver, share) in new[] { (first, 0), (second, 1), (failing, 2) })
        {
            var received = await receiver.ReceivedAsync();
            attempts += received.Count;
            AssertCallbacks(
                received,
                Enumerable
                    .Range(0, Requests)
                    .Where(number => number % 3 == share)
                    .ToDictionary(number => ids[number], StringComparer.Ordinal),
                failures: share == 2 ? 2 : 0
            );
        }

        AssertFigures(await service.GetAsync("/metrics"), await service.GetAsync("/health"), attempts);
        for (var number = 0; number < Requests; number += 97)
            AssertStatusPage(await service.FollowAsync(ids[number]), number);
        Assert.Equal(0, await service.StopAsync());
        // masked: only the first four characters
        Assert.DoesNotContain(service.Process.Output, line => line.Contains("driver-token", StringComparison.Ordinal));
    }

    private static async Task<long> Settled(ServiceProcess service) =>
        (await service.GetAsync("/metrics"))
            .GetProperty("deliveries_total")
            .EnumerateObject()
            .Sum(count => count.Value.GetInt64());

    private static void AssertCallbacks(IReadOnlyList<Arrival> received, Dictionary<string, int> expected, int failures)
    {
        var byId = received.ToLookup(arrival => arrival.WebhookId, StringComparer.Ordinal);
        Assert.Equal(
            expected.Keys.Order(StringComparer.Ordinal),
            byId.Select(group => group.Key).Order(StringComparer.Ordinal)
        );
        foreach (var (id, number) in expected)
        {
            var arrivals = byId[id].ToList();
            Assert.Equal(
                [.. Enumerable.Repeat<int?>(500, failures), 204],
                arrivals.Select(arrival => arrival.Answered)
            );
            Assert.All(arrivals, arrival => Assert.Equal(AccessListCase.Of(number).Status, arrival.Status));
        }
    }

    private static void AssertFigures(JsonElement metrics, JsonElement health, int attempts)
    {
        var cases = Enumerable.Range(0, Requests).Select(AccessListCase.Of).ToList();
        var failures = 2 * Enumerable.Range(0, Requests).Count(number => number % 3 == 2);
        Assert.Equal(Requests + failures, attempts);
        Assert.Equal(Requests, metrics.GetProperty("requests_total").GetInt64());
        Assert.Equal(Requests, Count(metrics, "requests", "accepted"));
        Assert.Equal(Requests, Count(metrics, "callback_results", "success"));
        Assert.Equal(failures, Count(metrics, "callback_results", "http_error"));
        Assert.Equal(
            0,
            Count(metrics, "callback_results", "network_error")
                + Count(metrics, "callback_results", "timeout")
                + Count(metrics, "callback_results", "blocked")
        );
        Assert.Equal(Requests, Count(metrics, "deliveries_total", "delivered"));
        Assert.Equal(0, metrics.GetProperty("queue_size_current").GetInt32());
        Assert.Equal(0, metrics.GetProperty("stream_restarts_total").GetInt32());
        foreach (var status in new[] { "allowed", "not_allowed", "unknown" })
            Assert.Equal(
                cases.Count(question => question.Status == status),
                Count(metrics, "authorization_decisions", status)
            );
        foreach (var reason in new[] { "in_acl", "not_in_acl", "blocked", "expired", "station_not_allowed" })
            Assert.Equal(
                cases.Count(question => question.Reason == reason),
                Count(metrics, "authorization_reasons", reason)
            );

        Assert.Equal(Text(Requests), Detail(health, "authorization", "totalDecisions"));
        Assert.Equal(Text(attempts), Detail(health, "callbacks", "totalCallbacks"));
        Assert.Equal("0", Detail(health, "queue", "currentSize"));
        Assert.Equal("closed", Detail(health, "authorization", "circuitBreaker"));
        Assert.Equal(Text(AccessListCase.Rules), Detail(health, "acl", "rules"));
    }

    private static void AssertStatusPage(JsonElement page, int number)
    {
        var question = AccessListCase.Of(number);
        Assert.Equal("delivered", page.GetProperty("state").GetString());
        Assert.Equal(question.Status, page.GetProperty("status").GetString());
        Assert.Equal(question.Reason, page.GetProperty("reason").GetString());
        Assert.Equal(question.Station, page.GetProperty("stationId").GetString());
        Assert.Equal(question.Token[..4] + "***", page.GetProperty("driverToken").GetString());
        Assert.Equal(
            number % 3 == 2 ? [500, 500, 204] : [204],
            page.GetProperty("attempts")
                .EnumerateArray()
                .Select(attempt => attempt.GetProperty("httpStatus").GetInt32())
        );
    }

    private static long Count(JsonElement metrics, string group, string name) =>
        metrics.GetProperty(group).TryGetProperty(name, out var count) ? count.GetInt64() : 0;

    private static string Detail(JsonElement health, string component, string name) =>
        health.GetProperty("components").GetProperty(component).GetProperty("details").GetProperty(name).GetString()!;

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
