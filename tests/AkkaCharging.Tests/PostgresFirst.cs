using AkkaCharging.Tests.Journal.Postgres;
using Xunit.Abstractions;

[assembly: TestCollectionOrderer("AkkaCharging.Tests.PostgresFirst", "AkkaCharging.Tests")]

namespace AkkaCharging.Tests;

/// <summary>
/// Starts the classes that share a server first: they run one after the other, for two minutes, and would run on by
/// themselves at the end.
/// </summary>
/// <remarks>xunit starts collections in order with a plain synchronization context (as the scenarios do).</remarks>
public sealed class PostgresFirst : ITestCollectionOrderer
{
    public PostgresFirst() => SynchronizationContext.SetSynchronizationContext(new());

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(collection =>
            string.Equals(collection.DisplayName, OnePostgres.Name, StringComparison.Ordinal) ? 0 : 1
        );
}
