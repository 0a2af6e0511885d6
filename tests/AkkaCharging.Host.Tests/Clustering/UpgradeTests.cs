using Akka.Actor;
using Akka.Configuration;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Host.Tests.Clustering;

/// <summary>Nodes of two versions of the service, as during a rolling upgrade.</summary>
[Collection(NodesDefinition.Name)]
[Trait("Category", "Component")]
public sealed class UpgradeTests(Nodes nodes)
{
    /// <summary>Akka's sharding moves no lane while members differ in their version.</summary>
    [Fact]
    public async Task NodeThatReportsAnotherVersion_GetsItsShareOfTheLanes()
    {
        var journal = await nodes.NewJournalAsync();
        var (founder, seed) = await nodes.FoundAsync(journal);
        await using (founder)
        {
            await using var upgraded = await nodes.LaunchAsync(
                journal,
                FreePort.Next(),
                seed,
                settings =>
                    settings with
                    {
                        Akka = ConfigurationFactory.ParseString("""akka.cluster.app-version = "9.9.9" """),
                    }
            );

            await Nodes.HasLanesAsync(upgraded, Nodes.Lanes / 2);
            await Nodes.HasLanesAsync(founder, Nodes.Lanes / 2);
            Assert.Equal(["0.2.0", "0.2.0"], VersionsSeenBy(founder)); // as 0.2.0, which had that of its executable
        }
    }

    private static IEnumerable<string> VersionsSeenBy(RunningService node) =>
        Akka
            .Cluster.Cluster.Get(node.App.Services.GetRequiredService<ActorSystem>())
            .State.Members.Select(member => member.AppVersion.Version);
}
