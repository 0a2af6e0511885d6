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
        var (journal, port, seed) = (await nodes.NewJournalAsync(), FreePort.Next(), FreePort.Next());
        await using var joining = await nodes.LaunchAsync(
            journal,
            port,
            seed,
            settings => settings with { Cluster = settings.Cluster with { DownAfter = Grace } }
        );
        var seen = Watch(joining);

        var stop = joining.App.Services.GetRequiredService<ILaneOwner>().StopAsync(Grace);
        var (member, _) = await nodes.FoundAsync(journal, port: seed);
        await using (member)
        {
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
    public async Task NobodyToJoin_IsWaitedForUntilTheGraceIsOver()
    {
        await using var joining = await nodes.LaunchAsync(
            await nodes.NewJournalAsync(),
            FreePort.Next(),
            FreePort.Next()
        );

        var stop = joining.App.Services.GetRequiredService<ILaneOwner>().StopAsync(TimeSpan.FromMilliseconds(200));

        Assert.IsType<LaneStop.HandedOver>(await stop.WaitAsync(Grace));
    }

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
