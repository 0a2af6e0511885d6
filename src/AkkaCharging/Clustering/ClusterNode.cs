using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Sharding;
using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Lanes;
using ClusterSettings = AkkaCharging.Settings.ClusterSettings;

namespace AkkaCharging.Clustering;

/// <summary>A node as this one sees it.</summary>
/// <param name="Address"><c>host:port</c>.</param>
/// <param name="Status">As Akka.Cluster has it: joining, up, leaving, exiting, down.</param>
internal sealed record NodeStatus(string Address, MemberStatus Status, bool IsReachable, bool IsOurs);

/// <summary>What a node has to show for metrics.</summary>
/// <param name="Up">Nodes that are members and reachable, this one included.</param>
/// <param name="Lanes">Here at present.</param>
/// <param name="Configured">Lanes of the whole cluster.</param>
/// <param name="Taken">Lanes that came here since the start.</param>
/// <param name="Lost">Lanes that another node took without being handed them.</param>
internal sealed record ClusterFigures(int Up, int Unreachable, int Lanes, int Configured, long Taken, long Lost);

/// <summary>This process as a node of a cluster: joins, shares the limits, keeps its lanes, leaves.</summary>
/// <remarks>
/// Membership, failure detection, split-brain resolution and the placement of lanes are Akka.Cluster's; whose a lane
/// is, is the journal's.
/// </remarks>
internal sealed class ClusterNode(
    ClusterSettings settings,
    ChargingService service,
    ISharedJournal journal,
    TimeProvider time
) : ILaneOwner
{
    private const string LanesName = "lanes";
    private static readonly TimeSpan FoundingRetry = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan WelcomePoll = TimeSpan.FromMilliseconds(50);

    // Longer than it takes either side of a partition to make up its mind.
    private readonly TimeSpan _retakeAfter = settings.UnreachableAfter + (settings.DownAfter * 2);

    // After it the others remove by themselves a node that they do not hear of.
    private readonly TimeSpan _welcomeMax = settings.UnreachableAfter + settings.DownAfter;
    private readonly Lock _joining = new();
    private ActorSystem? _system;
    private bool _hasAsked;
    private bool _isStopping;

    /// <summary>Whether this node is a full member.</summary>
    public bool IsUp => _system is { } system && Akka.Cluster.Cluster.Get(system).SelfMember.Status == MemberStatus.Up;

    /// <summary>
    /// Why Akka ended this node, such as that it was cut off from the majority or refused a certificate; null when it
    /// did not.
    /// </summary>
    public string? EndedBy =>
        _system is { } system
        && CoordinatedShutdown.Get(system).ShutdownReason is { } reason and not CoordinatedShutdown.ClusterLeavingReason
            ? reason.GetType().Name
            : null;

    /// <summary>All nodes that are known; none before the start.</summary>
    public IReadOnlyList<NodeStatus> Nodes
    {
        get
        {
            if (_system is not { } system)
                return [];
            var cluster = Akka.Cluster.Cluster.Get(system);
            var state = cluster.State;
            return
            [
                .. state.Members.Select(member => new NodeStatus(
                    $"{member.Address.Host}:{member.Address.Port}",
                    member.Status,
                    !state.Unreachable.Contains(member),
                    member.UniqueAddress.Equals(cluster.SelfUniqueAddress)
                )),
            ];
        }
    }

    /// <summary>The figures of this moment.</summary>
    public ClusterFigures Figures
    {
        get
        {
            var nodes = Nodes;
            return new(
                nodes.Count(node => node.IsReachable && node.Status == MemberStatus.Up),
                nodes.Count(node => !node.IsReachable),
                service.Lanes.All.Length,
                settings.Lanes,
                service.Counts.Taken,
                service.Counts.Lost
            );
        }
    }

    /// <summary>Joins the cluster, and keeps lanes as soon as it gives some to this node.</summary>
    public void Start(ActorSystem system)
    {
        _system = system;
        _ = JoinAsync(Akka.Cluster.Cluster.Get(system));
        var parts = new LaneParts(
            journal,
            service.Lanes,
            service.Admission,
            service.CreateRunner(system),
            service.Counts,
            time
        );
        system.ActorOf(Props.Create(() => new NodeShare(settings.Lanes, service.Divide)), "node-share");
        ClusterSharding.Get(system); // brings the defaults of the settings
        ShardedDaemonProcess
            .Get(system)
            .Init(
                LanesName,
                settings.Lanes,
                number => Props.Create(() => new LaneKeeper(number, parts, _retakeAfter)),
                ShardedDaemonProcessSettings
                    .Create(system)
                    .WithShardingSettings(ClusterShardingSettings.Create(system)),
                LaneKeeper.HandOver.Instance
            );
    }

    /// <summary>
    /// The first of the seed nodes founds a cluster when it finds none, but not beside one that it cannot reach: what
    /// the journal says of others decides.
    /// </summary>
    private async Task JoinAsync(Akka.Cluster.Cluster cluster)
    {
        var us = cluster.SelfAddress;
        var seeds = settings
            .SeedNodes.Select(seed => Address.Parse($"{us.Protocol}://{us.System}@{seed}"))
            .ToImmutableList();
        if (seeds[0] != us)
        {
            AskToJoin(cluster, seeds);
            return;
        }

        for (
            bool? mayFound = null;
            cluster.SelfMember.Status == MemberStatus.Removed && !cluster.IsTerminated;
            await Task.Delay(FoundingRetry, time)
        )
        {
            var before = mayFound;
            try
            {
                mayFound = !await journal.AreLanesHeldElsewhereAsync(CancellationToken.None);
            }
            catch (JournalUnavailableException)
            {
                continue;
            }

            if (mayFound != before)
                // none that is not the first founds one
                AskToJoin(cluster, mayFound == true ? seeds : seeds.RemoveAt(0));
        }
    }

    private void AskToJoin(Akka.Cluster.Cluster cluster, ImmutableList<Address> seeds)
    {
        lock (_joining)
        {
            if (_isStopping)
                return;
            _hasAsked = true;
            cluster.JoinSeedNodes(seeds);
        }
    }

    /// <summary>
    /// Hands all lanes over, leaves the cluster and ends the actor system. A lane has its own, shorter grace for that.
    /// </summary>
    /// <param name="grace">For an answer to the request to join, if it is on its way.</param>
    public async Task<LaneStop> StopAsync(TimeSpan grace)
    {
        if (_system is { } system)
        {
            await WelcomedAsync(Akka.Cluster.Cluster.Get(system), grace);
            await CoordinatedShutdown.Get(system).Run(CoordinatedShutdown.ClusterLeavingReason.Instance);
        }

        return EndedBy is { } reason ? new LaneStop.Removed(reason) : new LaneStop.HandedOver();
    }

    /// <summary>
    /// Waits until this node knows that it is a member, if it has asked to be one. Akka lets a node that does not know
    /// it go without leaving, and the others would keep a member that is gone.
    /// </summary>
    private async Task WelcomedAsync(Akka.Cluster.Cluster cluster, TimeSpan grace)
    {
        lock (_joining)
            _isStopping = true;
        var (startedAt, max) = (time.GetTimestamp(), grace < _welcomeMax ? grace : _welcomeMax);
        while (
            _hasAsked
            && cluster.SelfMember.Status == MemberStatus.Removed
            && !cluster.IsTerminated
            && time.GetElapsedTime(startedAt) < max
        )
            await Task.Delay(WelcomePoll, time);
    }
}
