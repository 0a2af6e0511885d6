using AkkaCharging.Clustering;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Host.Tests.Clustering;

/// <summary>Two clusters on one journal, each founded without seeing the other.</summary>
[Collection(NodesDefinition.Name)]
[Trait("Category", "Component")]
public sealed class SecondClusterTests(Nodes nodes)
{
    [Fact]
    public async Task ClusterWithTheFirstSeed_Ends_AndTheOtherGoesOn()
    {
        var journal = await nodes.NewJournalAsync();
        var port = FreePort.Next();
        var (first, _) = await nodes.FoundAsync(journal, settings => Knowing(port, settings));
        await using (first)
        {
            await using var other = await nodes.LaunchAsync(
                journal,
                port,
                port,
                Hasty,
                customize: services => SeedsJournal.AddTo(services, () => Task.FromResult(false))
            );

            await Eventually.HoldsAsync(() => NodeOf(first).EndedBy is not null, "one of the clusters ends");
            Assert.Equal("SecondClusterReason", NodeOf(first).EndedBy);
            await Nodes.HasLanesAsync(other, Nodes.Lanes);
            Assert.Null(NodeOf(other).EndedBy);
        }
    }

    private static ClusterNode NodeOf(RunningService service) => service.App.Services.GetRequiredService<ClusterNode>();

    /// <summary>A first seed node whose second one is at a port.</summary>
    private static ChargingSettings Knowing(int port, ChargingSettings settings) =>
        Hasty(settings) with
        {
            Cluster = Hasty(settings).Cluster with { SeedNodes = [.. settings.Cluster.SeedNodes, $"127.0.0.1:{port}"] },
        };

    private static ChargingSettings Hasty(ChargingSettings settings) =>
        settings with
        {
            Cluster = settings.Cluster with
            {
                UnreachableAfter = TimeSpan.FromSeconds(5),
                DownAfter = TimeSpan.FromSeconds(1),
            },
        };
}
