using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using AkkaCharging.Host.Telemetry;
using AkkaCharging.Metrics;
using AkkaCharging.Testing;
using Microsoft.Extensions.Logging;

namespace AkkaCharging.Host.Tests;

/// <summary>The table of events in docs/monitoring.md, by which operators filter and alert.</summary>
[Trait("Category", "Unit")]
public sealed partial class DocumentedEventsTests
{
    [Fact]
    public void EventsOfTheCode_AreThoseOfTheTable_EachOnce()
    {
        const BindingFlags Declared =
            BindingFlags.Instance | BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        var logged =
            from assembly in new[] { typeof(MetricsObserver).Assembly, typeof(OtlpExporter).Assembly }
            from type in assembly.GetTypes()
            from method in type.GetMethods(Declared)
            let message = method.GetCustomAttribute<LoggerMessageAttribute>()
            where message is not null
            orderby message.EventId
            select (message.EventId, message.Level);
        var documented =
            from row in Row().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs", "monitoring.md")))
            select (
                int.Parse(row.Groups["id"].Value, CultureInfo.InvariantCulture),
                Enum.Parse<LogLevel>(row.Groups["level"].Value)
            );

        Assert.Equal(logged, documented);
    }

    [GeneratedRegex(
        @"^\| (?<id>\d{4}) \| (?<level>[A-Z][a-z]+) \| ",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture
    )]
    private static partial Regex Row();
}
