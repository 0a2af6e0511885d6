using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>SIGTERM while requests are pending.</summary>
[Trait("Category", "Scenario")]
public sealed class GracefulStopTests : IDisposable
{
    private const int Pending = 1_000;
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Sigterm_FinishesWhatIsPending_ThenExitsWith0()
    {
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(
                ("SERVER_SHUTDOWN_DELAY_MILLIS", "10000"),
                ("SERVER_SHUTDOWN_GRACE_MILLIS", "300000"),
                ("CALLBACK_TIMEOUT_MILLIS", "600000")
            ),
            _folder.Path
        );
        var ids = await SubmitManyAsync(service, receiver.Url("/gate"), Pending);
        Assert.Equal(HttpStatusCode.OK, await service.StatusOfAsync("/health/ready"));

        service.Process.Terminate();

        await Eventually.HoldsAsync(
            async () => await service.StatusOfAsync("/health/ready") == HttpStatusCode.ServiceUnavailable,
            "not ready"
        );
        var health = await service.GetAsync("/health");
        Assert.Equal(
            ("DEGRADED", "draining"),
            (
                health.GetProperty("status").GetString(),
                health
                    .GetProperty("components")
                    .GetProperty("pipeline")
                    .GetProperty("details")
                    .GetProperty("state")
                    .GetString()
            )
        );
        // Load balancers have not noticed yet.
        ids.Add(await service.AcceptAsync(receiver.Url("/gate"), ScenarioFolder.AllowedToken));
        var refusal = default(JsonElement);
        await Eventually.HoldsAsync(
            async () =>
            {
                using var answer = await service.SubmitAsync(receiver.Url("/gate"), ScenarioFolder.AllowedToken);
                var body = await answer.Content.ReadFromJsonAsync<JsonElement>();
                if (answer.StatusCode == HttpStatusCode.OK)
                {
                    ids.Add(body.GetProperty("requestId").GetString()!);
                    return false;
                }

                Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
                Assert.NotNull(answer.Headers.RetryAfter);
                refusal = body;
                return true;
            },
            "submissions are refused"
        );
        Assert.Equal("shutting_down", refusal.GetProperty("status").GetString());
        Assert.Equal("decided", (await service.FollowAsync(ids[0])).GetProperty("state").GetString());
        Assert.False(service.Process.HasExited);
        await receiver.OpenGateAsync();

        Assert.Equal(0, await service.Process.ExitAsync());
        var received = await receiver.ReceivedAsync();
        Assert.Equal(
            ids.Order(StringComparer.Ordinal),
            received.Select(arrival => arrival.WebhookId).Order(StringComparer.Ordinal)
        );
        Assert.All(received, arrival => Assert.Equal(204, arrival.Answered));
        Assert.Contains(
            service.Process.Output,
            line => line.Contains("Drained: every accepted request is settled", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task Sigterm_HangingReceiver_ExitsWith0AndSaysHowManyWereLost()
    {
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var hanging = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(("SERVER_SHUTDOWN_GRACE_MILLIS", "500"), ("JOURNAL_KIND", "memory")),
            _folder.Path
        );
        await SubmitManyAsync(service, hanging.Url("/hang"), 25);
        await SubmitManyAsync(service, receiver.Url("/ok"), 5);
        await Eventually.HoldsAsync(
            async () =>
                (await service.GetAsync("/metrics")).GetProperty("deliveries_total").GetProperty("delivered").GetInt32()
                == 5,
            "the healthy callbacks are delivered"
        );

        Assert.Equal(0, await service.StopAsync());

        Assert.Contains(
            service.Process.Output,
            line =>
                line.Contains("25 accepted requests are lost, because journal.kind is memory", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task Sigterm_DoesNotWaitForWhatCannotGoOn_AndTheNextProcessDeliversIt()
    {
        var settings = ScenarioFolder.Settings(
            ("CALLBACK_RETRY_DELAY_MILLIS", "100"),
            ("CALLBACK_MAX_RETRY_DELAY_MILLIS", "60000"),
            ("JOURNAL_PATH", "journal.db")
        );
        var ports = new[] { FreePort.Next(), FreePort.Next() };
        await using var service = await ServiceProcess.StartAsync(settings, _folder.Path);
        foreach (var port in ports)
            await SubmitManyAsync(service, $"http://127.0.0.1:{port}/ok", 100);
        await Eventually.HoldsAsync(
            async () =>
                (await service.GetAsync("/metrics")).GetProperty("receivers").GetProperty("breakers_open").GetInt32()
                == ports.Length,
            "both breakers are open"
        );

        var stopped = Stopwatch.GetTimestamp();
        Assert.Equal(0, await service.StopAsync());

        Assert.InRange(Stopwatch.GetElapsedTime(stopped), TimeSpan.Zero, TimeSpan.FromSeconds(20)); // of 25 s of grace
        Assert.Contains(
            service.Process.Output,
            line => line.Contains("200 accepted requests", StringComparison.Ordinal)
        );
        await using var one = await RecordingReceiver.StartAsync(ports[0]);
        await using var other = await RecordingReceiver.StartAsync(ports[1]);
        await using var next = await ServiceProcess.StartAsync(settings, _folder.Path);
        await Eventually.HoldsAsync(
            async () => await one.CountAsync() == 100 && await other.CountAsync() == 100,
            "the next process delivers all"
        );
    }

    private static async Task<List<string>> SubmitManyAsync(ServiceProcess service, string url, int count)
    {
        var ids = new string[count];
        await Parallel.ForAsync(
            0,
            count,
            new ParallelOptions { MaxDegreeOfParallelism = 32 },
            async (index, _) => ids[index] = await service.AcceptAsync(url, ScenarioFolder.AllowedToken)
        );
        return [.. ids];
    }
}
