using System.Text.Json;
using System.Text.RegularExpressions;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.Monitoring;

/// <summary>The files under <c>deploy</c> that a Prometheus and a Grafana are given.</summary>
internal static partial class Deployed
{
    public static string PrometheusFolder { get; } = Path.Combine(Repository.Root, "deploy", "prometheus");

    public static string Rules => File.ReadAllText(Path.Combine(PrometheusFolder, "akkacharging.rules.yml"));

    public static string RuleTests => File.ReadAllText(Path.Combine(PrometheusFolder, "akkacharging.tests.yml"));

    /// <summary>The rules, but that each fires as soon as its expression is true.</summary>
    public static string RulesWithoutPatience => ForLine().Replace(Rules, "");

    /// <summary>Names of all alerts.</summary>
    public static IReadOnlyCollection<string> Alerts =>
        [.. AlertLine().Matches(Rules).Select(match => match.Groups["name"].Value).Distinct(StringComparer.Ordinal)];

    /// <summary>What the dashboard's panels ask for, with the labels that their legends name.</summary>
    public static IEnumerable<(string Panel, string Expression, string Legend)> Queries()
    {
        using var dashboard = JsonDocument.Parse(
            File.ReadAllText(Path.Combine(Repository.Root, "deploy", "grafana", "akkacharging.json"))
        );
        return
        [
            .. from panel in dashboard.RootElement.GetProperty("panels").EnumerateArray()
            where panel.TryGetProperty("targets", out _)
            from target in panel.GetProperty("targets").EnumerateArray()
            select (
                panel.GetProperty("title").GetString()!,
                Substitute(target.GetProperty("expr").GetString()!),
                target.GetProperty("legendFormat").GetString()!
            ),
        ];
    }

    /// <summary>Puts in what Grafana puts in for its variables.</summary>
    private static string Substitute(string expression) =>
        expression
            .Replace("$__rate_interval", "1m", StringComparison.Ordinal)
            .Replace("$__range", "1h", StringComparison.Ordinal)
            .Replace("$job", ".*", StringComparison.Ordinal)
            .Replace("$instance", ".*", StringComparison.Ordinal);

    [GeneratedRegex(@"^ +for: .*\n", RegexOptions.Multiline)]
    private static partial Regex ForLine();

    [GeneratedRegex(@"^ +- alert: (?<name>\w+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex AlertLine();
}
