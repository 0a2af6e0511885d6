using AkkaCharging.Testing;
using AkkaCharging.Testing.Prometheus;

namespace AkkaCharging.Scenarios.Monitoring;

/// <summary>A real Prometheus reads the service, in the form that it asks for itself.</summary>
[Trait("Category", "Scenario")]
public sealed class PrometheusScrapeTests : IDisposable
{
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Prometheus_ScrapesTheService_AndAnswersQueriesAboutIt()
    {
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(ScenarioFolder.Settings(), _folder.Path);
        await using var prometheus = await PrometheusServer.StartAsync([service.Port]);
        await AnswersAsync(prometheus, "akkacharging_requests_total{outcome=\"accepted\"}", 0);
        await service.AcceptAsync(receiver.Url(), ScenarioFolder.AllowedToken);
        await service.AcceptAsync(receiver.Url(), ScenarioFolder.BlockedToken);
        await service.AcceptAsync(receiver.Url("/status/404"), ScenarioFolder.AllowedToken);

        await AnswersAsync(prometheus, "akkacharging_deliveries_total{outcome=\"delivered\"}", 2);
        await AnswersAsync(prometheus, "akkacharging_deliveries_total{outcome=\"failed\"}", 1);
        await AnswersAsync(
            prometheus,
            "sum(akkacharging_decisions_total{status=\"not_allowed\",reason=\"blocked\"})",
            1
        );
        await AnswersAsync(prometheus, "akkacharging_stage_duration_seconds_count{stage=\"end_to_end\"}", 3);
        await AnswersAsync(prometheus, "akkacharging_journal_batch_writes_sum", 9); // accepted, decided, settled
        await Eventually.HoldsAsync(
            async () =>
                (
                    await prometheus.QueryAsync(
                        "histogram_quantile(0.99, sum by (le) "
                            + "(rate(akkacharging_stage_duration_seconds_bucket{stage=\"accept\"}[1m])))"
                    )
                ).Any(sample => sample.Value is > 0 and < 300),
            "a percentile of the time to accept"
        );
        await AnswersAsync(prometheus, "up", 1);
        await AnswersAsync(prometheus, "min_over_time(up[10s])", 1);
        await AnswersAsync(prometheus, "akkacharging_journal_available", 1);
    }

    [Theory]
    [InlineData(JournalHome.Sqlite)]
    [InlineData(JournalHome.Postgres)] // as a node of a cluster
    public async Task Promtool_FindsNothingToComplainOf(string kind)
    {
        await using var journal = await JournalHome.NewAsync(kind);
        await using var service = await ServiceProcess.StartAsync(
            kind == JournalHome.Postgres ? journal.NodeSettings() : journal.Settings(),
            _folder.Path
        );
        service.Http.DefaultRequestHeaders.Add("Accept", "text/plain;version=0.0.4");

        var scraped = await service.Http.GetStringAsync("/metrics");
        var (exitCode, output) = await PrometheusTools.PromtoolAsync(_folder.Path, scraped, "check", "metrics");

        Assert.Equal(kind == JournalHome.Postgres, scraped.Contains("akkacharging_cluster", StringComparison.Ordinal));
        Assert.Equal((0, ""), (exitCode, output));
    }

    private static Task AnswersAsync(PrometheusServer prometheus, string expression, double value) =>
        Eventually.HoldsAsync(
            async () => (await prometheus.QueryAsync(expression)).Select(sample => sample.Value).SequenceEqual([value]),
            $"{expression} is {value}"
        );
}
