using System.Text.RegularExpressions;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Prometheus;

namespace AkkaCharging.Scenarios.Monitoring;

/// <summary>Alert rules and dashboard are valid, tested and documented, and use existing metrics.</summary>
[Trait("Category", "Scenario")]
public sealed partial class DeployedRulesTests : IDisposable
{
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("check", "config", "prometheus.yml")]
    [InlineData("check", "config", "prometheus.tls.yml")]
    [InlineData("check", "rules", "akkacharging.rules.yml")]
    [InlineData("test", "rules", "akkacharging.tests.yml")]
    public async Task Promtool_Passes(params string[] command)
    {
        var (exitCode, output) = await PrometheusTools.PromtoolAsync(Deployed.PrometheusFolder, input: "", command);

        Assert.True(exitCode == 0 && output.Contains("SUCCESS", StringComparison.Ordinal), output);
    }

    [Fact]
    public void EachAlertOfTheContract_IsThere_WithCasesForAndAgainstIt_AndARunbook()
    {
        Assert.Equal(
            [
                "AkkaChargingDown",
                "AkkaChargingHighErrorRate",
                "AkkaChargingQueueBacklog",
                "AkkaChargingErrorBudgetBurn",
                "AkkaChargingLatencyBudgetBurn",
                "AkkaChargingOldestPending",
                "AkkaChargingRequestsExpire",
                "AkkaChargingDeadLettersGrow",
                "AkkaChargingDamagedRows",
                "AkkaChargingBreakerOpen",
                "AkkaChargingPartnerMisconfigured",
                "AkkaChargingJournalUnavailable",
                "AkkaChargingReceiverAway",
                "AkkaChargingCallbacksBlocked",
                "AkkaChargingAclReloadFailed",
                "AkkaChargingKeysGuessed",
                "AkkaChargingNodeMissing",
                "AkkaChargingLanesUnheld",
            ],
            Deployed.Alerts
        );
        var headings = File.ReadLines(Path.Combine(Repository.Root, "docs", "alerts.md"))
            .Where(line => line.StartsWith('#'))
            .ToList();
        Assert.All(
            Deployed.Alerts,
            alert =>
            {
                Assert.Contains(
                    $"docs/alerts.md#{alert.ToLowerInvariant()}\n",
                    Deployed.Rules,
                    StringComparison.Ordinal
                );
                Assert.Contains($"### {alert}", headings);
                Assert.Contains(
                    $"alertname: {alert}\n        exp_alerts: []",
                    Deployed.RuleTests,
                    StringComparison.Ordinal
                );
                Assert.Contains(
                    $"alertname: {alert}\n        exp_alerts:\n",
                    Deployed.RuleTests,
                    StringComparison.Ordinal
                );
            }
        );
    }

    [Fact]
    public async Task EveryMetricAndLabelThatIsNamed_IsInARealScrape()
    {
        await using var journal = await JournalHome.NewAsync(JournalHome.Postgres);
        // a node: it has all that a service alone has, and more
        await using var service = await ServiceProcess.StartAsync(journal.NodeSettings(), _folder.Path);
        await using var prometheus = await PrometheusServer.StartAsync([service.Port], Deployed.Rules);
        await Eventually.HoldsAsync(
            async () => (await prometheus.SeriesAsync("akkacharging_build_info")).Count == 1,
            "the first scrape"
        );
        var rules = await prometheus.RulesAsync();
        Assert.Equal(20, rules.Count);
        var named = Deployed
            .Queries()
            .Concat(rules.Select(rule => (Panel: rule.Name, Expression: rule.Query, Legend: "")))
            .ToList();
        Assert.InRange(named.Count, 50, 500);

        foreach (var (panel, expression, legend) in named)
        {
            await prometheus.QueryAsync(expression); // throws when it is none
            var labels = new HashSet<string>(StringComparer.Ordinal);
            var selectors = Selector().Matches(expression);
            Assert.NotEmpty(selectors);
            foreach (var selector in selectors.SelectMany(match => Alternatives(match.Value)))
            {
                var series = await prometheus.SeriesAsync(selector);
                Assert.True(series.Count > 0, $"{panel}: nothing is selected by {selector}");
                labels.UnionWith(series.SelectMany(found => found.Keys));
            }

            foreach (
                var label in By()
                    .Matches(expression)
                    .SelectMany(match => match.Groups["labels"].Value.Split(','))
                    .Concat(Legend().Matches(legend).Select(match => match.Groups["label"].Value))
            )
                Assert.True(labels.Contains(label.Trim()), $"{panel}: no series has the label {label}");
        }
    }

    /// <summary>
    /// One selector for each of the values that an alternative of <paramref name="selector"/> names: each has to be
    /// there.
    /// </summary>
    private static IEnumerable<string> Alternatives(string selector) =>
        Alternative().Match(selector) is { Success: true } found
            ? found.Groups["values"].Value.Split('|').Select(value => Alternative().Replace(selector, $"=\"{value}\""))
            : [selector];

    [GeneratedRegex(@"\b((akkacharging|dotnet|process)_\w+|up(?=\{))(\{[^}]*\})?", RegexOptions.ExplicitCapture)]
    private static partial Regex Selector();

    [GeneratedRegex(@"=~""(?<values>[a-z_|]+)""", RegexOptions.ExplicitCapture)]
    private static partial Regex Alternative();

    [GeneratedRegex(@"\bby \((?<labels>[^)]*)\)", RegexOptions.ExplicitCapture)]
    private static partial Regex By();

    [GeneratedRegex(@"\{\{(?<label>\w+)\}\}", RegexOptions.ExplicitCapture)]
    private static partial Regex Legend();
}
