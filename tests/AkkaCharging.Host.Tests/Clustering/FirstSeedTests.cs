using AkkaCharging.Clustering;
using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests.Clustering;

/// <summary>The first seed node, which asks the journal whether it may found a cluster.</summary>
[Collection(NodesDefinition.Name)]
[Trait("Category", "Component")]
public sealed class FirstSeedTests(Nodes nodes)
{
    [Fact]
    public async Task QuestionToTheJournalThatFailsUnexpectedly_IsAskedAgain()
    {
        var port = FreePort.Next();
        Task<bool>? unexpected = Task.FromException<bool>(new InvalidOperationException("a defect"));
        await using var node = await nodes.LaunchAsync(
            await nodes.NewJournalAsync(),
            port,
            port,
            customize: services => SeedsJournal.AddTo(services, () => Interlocked.Exchange(ref unexpected, null))
        );

        await Nodes.HasLanesAsync(node, Nodes.Lanes);
    }

    [Fact]
    public async Task JournalThatAnotherProcessOwns_IsWaitedFor_BeforeAClusterIsFounded()
    {
        var journal = await nodes.NewJournalAsync();
        var (port, asked) = (FreePort.Next(), 0);
        var owner = await nodes.LaunchAsync(
            journal,
            FreePort.Next(),
            seed: port,
            settings => settings with { Cluster = settings.Cluster with { Enabled = false } }
        );
        await using var node = await nodes.LaunchAsync(
            journal,
            port,
            port,
            customize: services => SeedsJournal.AddTo(services, Asked)
        );
        Assert.Equal(0, Volatile.Read(ref asked));

        await owner.DisposeAsync();

        await Nodes.HasLanesAsync(node, Nodes.Lanes);

        Task<bool> Asked()
        {
            Interlocked.Increment(ref asked);
            return Task.FromResult(false);
        }
    }

    [Fact]
    public async Task OnlySeed_WhereOthersHoldLanes_SaysThatItHasNobodyToJoin()
    {
        var journal = await nodes.NewJournalAsync();
        var (other, _) = await nodes.FoundAsync(journal);
        await using (other)
        {
            var port = FreePort.Next();
            await using var node = await nodes.LaunchAsync(journal, port, port);

            await Eventually.HoldsAsync(
                async () =>
                    (await node.GetAsync("/health"))
                        .GetProperty("components")
                        .GetProperty("cluster")
                        .GetProperty("details")
                        .GetProperty("problem")
                        .GetString() == ClusterNode.NobodyToJoin,
                "its health says so"
            );
        }
    }
}
