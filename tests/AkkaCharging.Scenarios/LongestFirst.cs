using AkkaCharging.Scenarios.Clustering;
using AkkaCharging.Scenarios.DiskFaults;
using AkkaCharging.Scenarios.HostileHour;
using AkkaCharging.Scenarios.Monitoring;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios;

/// <summary>
/// Starts the classes that take a minute or more first: one that began last would run on by itself at the end.
/// </summary>
/// <remarks>
/// xunit starts a task for each class, from a thread of the pool: that thread takes the last of its own tasks first,
/// and others take the first. So they stand at both ends.
/// </remarks>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly string[] Long =
    [
        nameof(PartitionTests),
        nameof(FailoverTests),
        nameof(DiskFaultTests),
        nameof(HostileHourTests),
        nameof(TwoClustersTests),
        nameof(KillTests),
        nameof(FailedSyncTests),
        nameof(NodeTlsTests),
        nameof(DatabaseTests),
        nameof(ThreeNodesTests),
        nameof(PlantedFaultTests),
        nameof(AlertsTests),
    ];

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections)
    {
        var collections = testCollections.ToLookup(RankOf);
        var ranked = Enumerable.Range(0, Long.Length).SelectMany(rank => collections[rank]).ToList();
        return
        [
            .. ranked.Where((_, place) => place % 2 == 0),
            .. collections[Long.Length],
            .. ranked.Where((_, place) => place % 2 == 1).Reverse(),
        ];
    }

    private static int RankOf(ITestCollection collection)
    {
        var rank = Array.FindIndex(Long, name => collection.DisplayName.Contains($".{name}", StringComparison.Ordinal));
        return rank < 0 ? Long.Length : rank;
    }
}
