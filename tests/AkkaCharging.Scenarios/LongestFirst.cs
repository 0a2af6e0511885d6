using AkkaCharging.Scenarios.Clustering;
using AkkaCharging.Scenarios.DiskFaults;
using AkkaCharging.Scenarios.HostileHour;
using AkkaCharging.Scenarios.Monitoring;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios;

/// <summary>
/// Starts the classes that take a minute or more first: one that began last would run on by itself at the end.
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
        nameof(TwoClustersTests),
    ];

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderByDescending(collection =>
            Long.Any(name => collection.DisplayName.Contains($".{name}", StringComparison.Ordinal))
        );
}
