using AkkaCharging.Host.Tests.Clustering;
using AkkaCharging.Testing;
using Xunit.Abstractions;

[assembly: TestCollectionOrderer("AkkaCharging.Host.Tests.NodesFirst", "AkkaCharging.Host.Tests")]

namespace AkkaCharging.Host.Tests;

/// <summary>
/// Starts the tests of nodes first: they run one after the other, for two minutes, and would run on by themselves at
/// the end.
/// </summary>
public sealed class NodesFirst : ITestCollectionOrderer
{
    public NodesFirst() => SynchronizationContext.SetSynchronizationContext(new StartsInOrder());

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(collection =>
            string.Equals(collection.DisplayName, NodesDefinition.Name, StringComparison.Ordinal) ? 0 : 1
        );
}
