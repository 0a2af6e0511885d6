using AkkaCharging.Scenarios.Clustering;
using AkkaCharging.Scenarios.DiskFaults;
using AkkaCharging.Scenarios.HostileHour;
using AkkaCharging.Scenarios.Monitoring;
using AkkaCharging.Scenarios.SilentNames;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios;

/// <summary>
/// Starts the classes that take a minute or more first: one that began last would run on by itself at the end. Those
/// that need an end of the others start last.
/// </summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly string[] Long =
    [
        nameof(FailoverTests),
        nameof(AlertsTests),
        nameof(HostileHourTests),
        nameof(PartitionTests),
        nameof(DiskFaultTests),
        nameof(PlantedFaultTests),
        nameof(FailedSyncTests),
        nameof(KillTests),
    ];

    private static readonly string[] Last = [nameof(IsolationTests), nameof(SilentNamesTests)];

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections
            .OrderByDescending(collection => IsIn(Long, collection))
            .ThenBy(collection => IsIn(Last, collection));

    private static bool IsIn(string[] classes, ITestCollection collection) =>
        classes.Any(name => collection.DisplayName.Contains($".{name}", StringComparison.Ordinal));
}
