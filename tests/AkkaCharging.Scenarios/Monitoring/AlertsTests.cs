using System.Net;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Scenarios.Clustering;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Prometheus;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Scenarios.Monitoring;

/// <summary>
/// Each alert fires on the fault that it is meant for: a real Prometheus evaluates the deployed rules, without their
/// patience, on the real service.
/// </summary>
[Trait("Category", "Scenario")]
[Trait("QuietGroup", "3")]
public sealed class AlertsTests : IDisposable
{
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task BrokenAccessList_RefusingReceiver_Backlog_AndLostJournal()
    {
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(("JOURNAL_PATH", "journal.db")),
            _folder.Path
        );
        await using var prometheus = await WatchAsync(service.Port);

        _folder.Write("acl.csv", "nonsense");
        await FiresAsync(prometheus, "AkkaChargingAclReloadFailed");

        await service.AcceptAsync(receiver.Url("/status/404"), ScenarioFolder.AllowedToken);
        await FiresAsync(prometheus, "AkkaChargingHighErrorRate", stage: "delivery");

        await Task.WhenAll(
            Enumerable
                .Range(0, 1_001)
                .Select(_ => service.AcceptAsync(receiver.Url("/gate"), ScenarioFolder.AllowedToken))
        );
        await FiresAsync(prometheus, "AkkaChargingQueueBacklog");
        await receiver.OpenGateAsync();

        File.Delete(Path.Combine(_folder.Path, "journal.db"));
        await FiresAsync(prometheus, "AkkaChargingJournalUnavailable");
        for (var refused = 0; refused < 200; refused++)
        {
            using var response = await service.SubmitAsync(receiver.Url(), ScenarioFolder.AllowedToken);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        }

        await FiresAsync(prometheus, "AkkaChargingHighErrorRate", stage: "submission");
    }

    [Fact]
    public async Task ReceiverThatIsAway()
    {
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(("CALLBACK_RETRY_DELAY_MILLIS", "50")),
            _folder.Path
        );
        await using var prometheus = await WatchAsync(service.Port);
        var nobody = $"http://127.0.0.1:{FreePort.Next()}/hook";

        for (var request = 0; request < 20; request++)
            await service.AcceptAsync(nobody, ScenarioFolder.AllowedToken);

        await FiresAsync(prometheus, "AkkaChargingReceiverAway");
    }

    [Fact]
    public async Task ExpiredRequest_ManyDeadLetters_AndTheServiceGone()
    {
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(("REQUEST_MAX_AGE_MILLIS", "1000")),
            _folder.Path
        );
        await using var prometheus = await WatchAsync(service.Port);

        await service.AcceptAsync(receiver.Url("/gate"), ScenarioFolder.AllowedToken);
        await FiresAsync(prometheus, "AkkaChargingRequestsExpire");
        for (var failed = 0; failed < 120; failed++)
            await service.AcceptAsync(receiver.Url("/status/410"), ScenarioFolder.AllowedToken);
        await FiresAsync(prometheus, "AkkaChargingDeadLettersGrow");
        await service.Process.CrashAsync();
        await FiresAsync(prometheus, "AkkaChargingDown");
    }

    [Fact]
    public async Task FailingAuthorizer()
    {
        await using var authorizer = await CallbackReceiver.StartAsync();
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(
                ("AUTHORIZATION_PROVIDER", "http"),
                ("AUTHORIZATION_HTTP_URL", authorizer.Url),
                ("AUTHORIZATION_MAX_RETRIES", "0"),
                ("JOURNAL_KIND", "memory")
            ),
            _folder.Path
        );
        await using var prometheus = await WatchAsync(service.Port);

        authorizer.RespondWith(
            (context, _) =>
            {
                context.Response.StatusCode = StatusCodes.Status500InternalServerError;
                return Task.CompletedTask;
            }
        );
        for (var asked = 0; asked < 10; asked++)
            await service.AcceptAsync(receiver.Url(), ScenarioFolder.AllowedToken);

        await FiresAsync(prometheus, "AkkaChargingBreakerOpen");
        await FiresAsync(prometheus, "AkkaChargingHighErrorRate", stage: "decision");
    }

    [Fact]
    public async Task GuessedTokensOfOperators()
    {
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(("MANAGEMENT_TOKEN", "a-token-of-operators-0001")),
            _folder.Path
        );
        await using var prometheus = await WatchAsync(service.Port);
        using var guesser = new HttpClient { BaseAddress = await service.ManagementAddressAsync() };

        for (var guess = 0; guess < 60; guess++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/admin/overview");
            request.Headers.Authorization = new("Bearer", $"guess-{guess}");
            using var answer = await guesser.SendAsync(request);
            Assert.True(answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.TooManyRequests);
        }

        await FiresAsync(prometheus, "AkkaChargingKeysGuessed");
    }

    [Fact]
    public async Task CallbackToANameOfAPrivateAddress()
    {
        await using var service = await RunningService.StartAsync(customize: services =>
            services.AddSingleton<IHostResolver>(new PrivateNames())
        );
        await using var prometheus = await WatchAsync(service.Http.BaseAddress!.Port);

        await service.AcceptAsync("http://hooks.private-names.net/");

        await FiresAsync(prometheus, "AkkaChargingCallbacksBlocked");
    }

    [Fact]
    public async Task KilledNode_UntilTheOthersHaveItsLanes_AndItIsBack()
    {
        await using var nodes = await ThreeNodes.StartAsync();
        await using var prometheus = await WatchAsync(nodes.Ports);

        await nodes.KillAsync(2);
        await Task.WhenAll( // each of them is so for seconds only
            FiresAsync(prometheus, "AkkaChargingLanesUnheld"),
            FiresAsync(prometheus, "AkkaChargingNodeMissing"),
            HealthAsync(nodes[0], "DEGRADED unreachable=1")
        );

        await HealthAsync(nodes[0], "UP unreachable=0");
        await Eventually.HoldsAsync(
            async () =>
                (await prometheus.FiringAsync())
                    .Select(labels => labels["alertname"])
                    .Order(StringComparer.Ordinal)
                    .SequenceEqual(["AkkaChargingDown", "AkkaChargingNodeMissing"]),
            "the others have its lanes"
        );
        await nodes.StartAsync(2);

        await NothingFiresAsync(prometheus);
        Assert.Equal(3, (await prometheus.QueryAsync("min(akkacharging_cluster_nodes{state=\"up\"})")).Single().Value);
        await Eventually.HoldsAsync( // they are scraped one after the other, while lanes move
            async () => (await prometheus.QueryAsync("sum(akkacharging_cluster_lanes)")).Single().Value == 12,
            "each lane is held once"
        );
    }

    /// <summary>What the component <c>cluster</c> comes to.</summary>
    private static Task HealthAsync(ServiceProcess node, string expected) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var component = (await node.GetAsync("/health")).GetProperty("components").GetProperty("cluster");
                return expected
                    == $"{component.GetProperty("status").GetString()} "
                        + $"unreachable={component.GetProperty("details").GetProperty("unreachable").GetString()}";
            },
            $"the cluster is {expected}"
        );

    /// <summary>
    /// A Prometheus that has seen each service twice, and nothing to alert of: a rate needs a value to start from.
    /// </summary>
    private static async Task<PrometheusServer> WatchAsync(params int[] ports)
    {
        var prometheus = await PrometheusServer.StartAsync(ports, Deployed.RulesWithoutPatience);
        await Eventually.HoldsAsync(
            async () =>
                (
                    await prometheus.QueryAsync(
                        "count_over_time(akkacharging_requests_total{outcome=\"accepted\"}[1m]) >= 2"
                    )
                ).Count == ports.Length,
            "two scrapes of each"
        );
        // without patience, lanes that still move to nodes that have just joined are lanes that nobody holds
        await NothingFiresAsync(prometheus);
        return prometheus;
    }

    private static Task NothingFiresAsync(PrometheusServer prometheus) =>
        Eventually.HoldsAsync(async () => (await prometheus.FiringAsync()).Count == 0, "nothing fires");

    private static Task FiresAsync(PrometheusServer prometheus, string alert, string? stage = null) =>
        Eventually.HoldsAsync(
            async () =>
                (await prometheus.FiringAsync()).Any(labels =>
                    labels["alertname"] == alert && labels.GetValueOrDefault("stage") == stage
                ),
            $"{alert} {stage} fires"
        );

    private sealed class PrivateNames : IHostResolver
    {
        public Task<IReadOnlyList<IPAddress>> ResolveAsync(string name, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<IPAddress>>([IPAddress.Parse("10.0.0.1")]);
    }
}
