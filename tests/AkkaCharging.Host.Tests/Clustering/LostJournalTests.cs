using AkkaCharging.Clustering;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace AkkaCharging.Host.Tests.Clustering;

/// <summary>A node that does not reach the journal, which another node reaches.</summary>
[Collection(NodesDefinition.Name)]
[Trait("Category", "Component")]
public sealed class LostJournalTests(Nodes nodes)
{
    [Fact]
    public async Task Node_LeavesItsLanesToTheOther_AndJoinsAgainWhenItReachesTheJournal()
    {
        var journal = new NpgsqlConnectionStringBuilder(await nodes.NewJournalAsync());
        await using var way = TcpProxy.To(journal.Port);
        var (member, seed) = await nodes.FoundAsync(journal.ConnectionString, Hasty);
        await using (member)
        {
            journal.Port = way.Port;
            await using (var lost = await nodes.LaunchAsync(journal.ConnectionString, FreePort.Next(), seed, Hasty))
            {
                await Nodes.HasLanesAsync(lost, Nodes.Lanes / 2);
                way.Cut();
                await Eventually.HoldsAsync(() => NodeOf(lost).EndedBy is not null, "the node ends");
                Assert.Equal("JournalLostReason", NodeOf(lost).EndedBy);
            }

            await Nodes.HasLanesAsync(member, Nodes.Lanes);
            await Eventually.HoldsAsync(() => NodeOf(member).Nodes.Count == 1, "the node that ended is no member");
            await using var again = await nodes.LaunchAsync(journal.ConnectionString, FreePort.Next(), seed, Hasty);
            Assert.Single(NodeOf(member).Nodes);
            way.Restore();
            await Nodes.HasLanesAsync(again, Nodes.Lanes / 2);
        }
    }

    private static ClusterNode NodeOf(RunningService service) => service.App.Services.GetRequiredService<ClusterNode>();

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
