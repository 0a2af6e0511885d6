using System.Collections.Concurrent;
using Akka.Actor;
using AkkaCharging.Clustering;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.Clustering;

/// <summary>Two real nodes in one process.</summary>
[Trait("Category", "Component")]
public sealed class NodeShareTests()
    : Akka.TestKit.Xunit2.TestKit(Nodes.Setup(Nodes.Settings), actorSystemName: "nodes")
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task SharesFollowTheNodes_AndMoreNodesThanLanesAreWarnedOf()
    {
        var counts = new ConcurrentQueue<int>();
        using var second = Nodes.Start(Nodes.Settings);

        await EventFilter
            .Warning(contains: "lanes")
            .ExpectAsync(
                0,
                async () =>
                {
                    Sys.ActorOf(Props.Create(() => new NodeShare(1, counts.Enqueue)));
                    Sys.Join(Sys);
                    await CountsAreAsync(1);
                }
            );
        await EventFilter
            .Warning(contains: "2 nodes share 1 lanes: a node without a lane accepts no requests")
            .ExpectAsync(
                1,
                Patience,
                async () =>
                {
                    second.Join(Sys);
                    await CountsAreAsync(1, 2);
                }
            );
        // A node that does not know yet that it is a member does not leave: the others consider it dead.
        await Eventually.HoldsAsync(() => Task.FromResult(second.IsUp()), "the second node is up", Patience);
        await CoordinatedShutdown.Get(second).Run(CoordinatedShutdown.ClusterLeavingReason.Instance);

        await CountsAreAsync(1, 2, 1);

        Task CountsAreAsync(params int[] expected) =>
            Eventually.HoldsAsync(
                () => Task.FromResult(counts.SequenceEqual(expected)),
                $"{expected.Length} changes were told",
                Patience
            );
    }
}
