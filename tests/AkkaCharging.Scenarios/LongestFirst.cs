using AkkaCharging.Scenarios.Clustering;
using AkkaCharging.Scenarios.DiskFaults;
using AkkaCharging.Scenarios.HostileHour;
using AkkaCharging.Testing;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios;

/// <summary>
/// Starts the classes that take a minute or more first: one that began last would run on by itself at the end.
/// </summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly string[] Long =
    [
        nameof(PartitionTests),
        nameof(DiskFaultTests),
        nameof(FailoverTests),
        nameof(HostileHourTests),
        nameof(NodeTlsTests),
        nameof(TwoClustersTests),
        nameof(KillTests),
        nameof(DatabaseTests),
        nameof(FailedSyncTests),
        nameof(JournalOutageTests),
        nameof(JournalFilesTests),
        nameof(PlantedFaultTests),
        nameof(AwayReceiverTests),
        nameof(JournalHandoverTests),
    ];

    public LongestFirst() => SynchronizationContext.SetSynchronizationContext(new StartsInOrder());

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(RankOf);

    private static int RankOf(ITestCollection collection)
    {
        var rank = Array.FindIndex(Long, name => collection.DisplayName.Contains($".{name}", StringComparison.Ordinal));
        return rank < 0 ? Long.Length : rank;
    }
}
