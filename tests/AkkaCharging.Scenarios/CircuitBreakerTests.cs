using System.Text.Json;
using AkkaCharging.Testing;
using Microsoft.AspNetCore.Http;

namespace AkkaCharging.Scenarios;

/// <summary>The HTTP authorizer against a server that fails, from open to closed again.</summary>
[Trait("Category", "Scenario")]
public sealed class CircuitBreakerTests : IDisposable
{
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task FailingAuthorizer_SeesFiveCalls_ThenOneProbeAfterEachResetTime_UntilItAnswers()
    {
        await using var authorizer = await CallbackReceiver.StartAsync();
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(
                ("AUTHORIZATION_PROVIDER", "http"),
                ("AUTHORIZATION_HTTP_URL", authorizer.Url),
                ("AUTHORIZATION_MAX_RETRIES", "0"),
                ("AUTHORIZATION_PARALLELISM", "1"),
                ("AUTHORIZATION_TIMEOUT_MILLIS", "300000"),
                ("AUTHORIZATION_HTTP_ATTEMPT_TIMEOUT_MILLIS", "300000"),
                ("AUTHORIZATION_CIRCUIT_BREAKER_RESET_TIMEOUT_MILLIS", "3000")
            ),
            _folder.Path
        );

        // Held until all are submitted: so all are decided within one reset time.
        var submitted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        authorizer.RespondWith(
            async (context, _) =>
            {
                await submitted.Task;
                context.Response.StatusCode = StatusCodes.Status500InternalServerError;
            }
        );
        var first = await SubmitAsync(service, receiver, 10);
        submitted.SetResult();
        var pages = await DeliveredAsync(service, first);

        Assert.Equal(5, authorizer.Received.Count);
        Assert.All(pages, page => Assert.Equal("unknown", page.GetProperty("status").GetString()));
        Assert.Equal(
            [.. Enumerable.Repeat("authorizer_error", 5), .. Enumerable.Repeat("circuit_open", 5)],
            pages.Select(page => page.GetProperty("reason").GetString())
        );
        Assert.All(await receiver.ReceivedAsync(), arrival => Assert.Equal("unknown", arrival.Status));

        await BreakerIsAsync(service, "half_open");
        submitted = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var second = await SubmitAsync(service, receiver, 5);
        submitted.SetResult();
        pages = await DeliveredAsync(service, second);
        Assert.Equal(6, authorizer.Received.Count);
        Assert.Equal(
            ["authorizer_error", .. Enumerable.Repeat("circuit_open", 4)],
            pages.Select(page => page.GetProperty("reason").GetString())
        );

        await BreakerIsAsync(service, "half_open");
        authorizer.RespondWith((context, _) => context.Response.WriteAsJsonAsync(new { status = "allowed" }));
        pages = await DeliveredAsync(service, await SubmitAsync(service, receiver, 5));
        Assert.Equal(11, authorizer.Received.Count);
        Assert.All(pages, page => Assert.Equal("allowed", page.GetProperty("status").GetString()));
        await BreakerIsAsync(service, "closed");

        var transitions = (await service.GetAsync("/metrics")).GetProperty("circuit_breaker_transitions");
        Assert.Equal(
            [2, 2, 1],
            new[] { "open", "half_open", "closed" }.Select(state => transitions.GetProperty(state).GetInt32())
        );
        var question = JsonDocument.Parse(authorizer.Received[0].Body).RootElement;
        Assert.Equal(first[0], question.GetProperty("requestId").GetString());
        Assert.Equal(ScenarioFolder.AllowedToken, question.GetProperty("driverToken").GetString());
    }

    /// <summary>Submits one after the other, so that the requests are decided in this order.</summary>
    private static async Task<List<string>> SubmitAsync(ServiceProcess service, RecordingReceiver receiver, int count)
    {
        var ids = new List<string>();
        while (ids.Count < count)
            ids.Add(await service.AcceptAsync(receiver.Url(), ScenarioFolder.AllowedToken));
        return ids;
    }

    private static async Task<List<JsonElement>> DeliveredAsync(ServiceProcess service, List<string> ids)
    {
        var pages = new List<JsonElement>();
        foreach (var id in ids)
            pages.Add(await service.StateAsync(id, "delivered"));
        return pages;
    }

    private static Task BreakerIsAsync(ServiceProcess service, string state) =>
        Eventually.HoldsAsync(
            async () => (await service.GetAsync("/metrics")).GetProperty("circuit_breaker_state").GetString() == state,
            $"the breaker is {state}"
        );
}
