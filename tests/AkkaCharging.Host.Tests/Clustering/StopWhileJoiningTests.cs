using System.Collections.Concurrent;
using Akka.Actor;
using Akka.Cluster;
using AkkaCharging.Clustering;
using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Host.Tests.Clustering;

/// <summary>A node that receives a stop signal before it knows whether it is a member.</summary>
[Collection(NodesDefinition.Name)]
[Trait("Category", "Component")]
public sealed class StopWhileJoiningTests(Nodes nodes)
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task JoinUnderWay_IsWaitedFor_AndTheNodeLeaves()
    {
        var journal = await nodes.NewJournalAsync();
        var (member, seed) = await nodes.FoundAsync(journal);
        await using (member)
        {
            await using var joining = await LaunchAsync(journal, seed);
            var seen = Watch(joining);

            var stop = joining.App.Services.GetRequiredService<ILaneOwner>().StopAsync(Grace);

            Assert.IsType<LaneStop.HandedOver>(await stop);
            Assert.Contains(seen, status => status is MemberStatus.Leaving or MemberStatus.Exiting);
            await Eventually.HoldsAsync(
                () =>
                {
                    var known = member.App.Services.GetRequiredService<ClusterNode>().Nodes;
                    Assert.All(known, node => Assert.True(node.IsReachable, $"{node}"));
                    return Task.FromResult(known.Count == 1);
                },
                "the others keep no member that is gone"
            );
        }
    }

    [Fact]
    public async Task NodeThatAkkaEndsWhileItStarts_StartsNothingMore()
    {
        await using var joining = await LaunchAsync(await nodes.NewJournalAsync(), seed: FreePort.Next());
        var system = joining.App.Services.GetRequiredService<ActorSystem>();
        await CoordinatedShutdown.Get(system).Run(CoordinatedShutdown.ClusterDowningReason.Instance);
        var node = joining.App.Services.GetRequiredService<ClusterNode>();

        node.Start(system);

        Assert.Equal("ClusterDowningReason", node.EndedBy);
    }

    [Fact]
    public async Task NobodyToJoin_IsWaitedForUntilTheGraceIsOver_WhereOthersHoldLanes()
    {
        var grace = TimeSpan.FromSeconds(3);
        var journal = await nodes.NewJournalAsync();
        var (other, _) = await nodes.FoundAsync(journal);
        await using (other)
        {
            await using var joining = await LaunchAsync(journal, seed: FreePort.Next());
            var startedAt = TimeProvider.System.GetTimestamp();

            var stop = joining.App.Services.GetRequiredService<ILaneOwner>().StopAsync(grace);

            Assert.IsType<LaneStop.HandedOver>(await stop.WaitAsync(Grace));
            // its timer may end it some milliseconds early
            Assert.InRange(TimeProvider.System.GetElapsedTime(startedAt), grace * 0.9, Grace);
        }
    }

    [Fact]
    public async Task NobodyToJoin_EndsAtOnce_WhereNobodyHoldsLanes()
    {
        await using var joining = await LaunchAsync(await nodes.NewJournalAsync(), seed: FreePort.Next());

        var stop = joining.App.Services.GetRequiredService<ILaneOwner>().StopAsync(grace: Grace * 2);

        Assert.IsType<LaneStop.HandedOver>(await stop.WaitAsync(Grace));
    }

    [Fact]
    public async Task NobodyToJoin_IsWaitedForUntilTheGraceIsOver_WhileTheJournalIsAway()
    {
        await using var proxy = TcpProxy.To(nodes.PostgresPort);
        await using var joining = await LaunchAsync(await nodes.NewJournalAsync(proxy.Port), seed: FreePort.Next());
        proxy.Cut();

        var stop = joining.App.Services.GetRequiredService<ILaneOwner>().StopAsync(TimeSpan.FromSeconds(3));

        Assert.IsType<LaneStop.HandedOver>(await stop.WaitAsync(Grace));
    }

    /// <summary>A node that would wait for a minute and more.</summary>
    private Task<RunningService> LaunchAsync(string journal, int seed) =>
        nodes.LaunchAsync(
            journal,
            FreePort.Next(),
            seed,
            settings => settings with { Cluster = settings.Cluster with { DownAfter = Grace * 2 } }
        );

    /// <summary>What a node learns about its own membership.</summary>
    private static ConcurrentQueue<MemberStatus> Watch(RunningService service)
    {
        var seen = new ConcurrentQueue<MemberStatus>();
        service
            .App.Services.GetRequiredService<ActorSystem>()
            .ActorOf(Props.Create(() => new Witness(seen)), "witness");
        return seen;
    }

    private sealed class Witness : ReceiveActor
    {
        private readonly Akka.Cluster.Cluster _cluster = Akka.Cluster.Cluster.Get(Context.System);

        public Witness(ConcurrentQueue<MemberStatus> seen)
        {
            Receive<ClusterEvent.IMemberEvent>(change =>
            {
                if (change.Member.UniqueAddress.Equals(_cluster.SelfUniqueAddress))
                    seen.Enqueue(change.Member.Status);
            });
            _cluster.Subscribe(Self, typeof(ClusterEvent.IMemberEvent));
        }
    }
}
