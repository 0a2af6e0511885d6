using AkkaCharging.Testing;
using AkkaCharging.Tests.Journal.Postgres;
using Xunit.Abstractions;

[assembly: TestCollectionOrderer("AkkaCharging.Tests.JournalsFirst", "AkkaCharging.Tests")]

namespace AkkaCharging.Tests;

/// <summary>
/// Starts the tests of the journals first: they run one after the other, for minutes, and would run on by themselves at
/// the end.
/// </summary>
public sealed class JournalsFirst : ITestCollectionOrderer
{
    private static readonly string[] Journals = [OnePostgres.Name, "SQLite journal"];

    public JournalsFirst() => SynchronizationContext.SetSynchronizationContext(new StartsInOrder());

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(collection =>
            Journals.Contains(collection.DisplayName, StringComparer.Ordinal) ? 0 : 1
        );
}
