using System.Collections.Immutable;
using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Sharding;
using Akka.Event;
using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Lanes;
using ClusterSettings = AkkaCharging.Settings.ClusterSettings;

namespace AkkaCharging.Clustering;

/// <summary>A node of the cluster as seen by this node.</summary>
/// <param name="Address">The address as <c>host:port</c>.</param>
/// <param name="Status">The status in Akka.Cluster: joining, up, leaving, exiting or down.</param>
internal sealed record NodeStatus(string Address, MemberStatus Status, bool IsReachable, bool IsOurs);

/// <summary>The figures of a node for metrics.</summary>
/// <param name="Up">Number of reachable members, this node included.</param>
/// <param name="Lanes">Number of lanes on this node.</param>
/// <param name="Configured">Number of lanes of the whole cluster.</param>
/// <param name="Taken">Number of lanes that this node took since the start.</param>
/// <param name="Lost">Number of lanes that another node took without a hand-over.</param>
internal sealed record ClusterFigures(int Up, int Unreachable, int Lanes, int Configured, long Taken, long Lost);

/// <summary>This process as a node of a cluster: joins, shares the limits, runs its lanes and leaves.</summary>
/// <remarks>
/// Akka.Cluster does membership, failure detection, split-brain resolution and the placement of lanes; the journal
/// decides which node owns a lane.
/// </remarks>
internal sealed class ClusterNode(
    ClusterSettings settings,
    ChargingService service,
    ISharedJournal journal,
    TimeProvider time
) : ILaneOwner
{
    /// <summary>Why the only seed node waits; Akka ignores a request to join nobody.</summary>
    public const string NobodyToJoin =
        "other nodes hold lanes, and cluster.seedNodes names none of them; expected two or more nodes";

    private const string LanesName = "lanes";
    private static readonly TimeSpan FoundingRetry = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan FoundingMax = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan WelcomePoll = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan JournalPoll = TimeSpan.FromMilliseconds(200);

    // Longer than either side of a partition needs to decide.
    private readonly TimeSpan _retakeAfter = settings.UnreachableAfter + (settings.DownAfter * 2);

    // After this time the other nodes remove a node that they do not hear from.
    private readonly TimeSpan _welcomeMax = settings.UnreachableAfter + settings.DownAfter;
    private readonly Lock _joining = new();
    private ActorSystem? _system;
    private bool _hasAsked;
    private bool _isStopping;
    private volatile bool _hasNobodyToJoin;

    /// <summary>Whether this node is a full member.</summary>
    public bool IsUp => _system is { } system && Akka.Cluster.Cluster.Get(system).SelfMember.Status == MemberStatus.Up;

    /// <summary>
    /// Why Akka ended this node, for example because it was cut off from the majority or rejected a certificate; null
    /// while it has not.
    /// </summary>
    public string? EndedBy =>
        _system is { } system
        && CoordinatedShutdown.Get(system).ShutdownReason is { } reason and not CoordinatedShutdown.ClusterLeavingReason
            ? reason.GetType().Name
            : null;

    /// <summary>Why this node serves nobody; null while it does.</summary>
    public string? Problem =>
        !IsUp
            ? _hasNobodyToJoin
                ? NobodyToJoin
                : "not a member of the cluster"
            : service.Lanes.All.Length == 0
                ? "this node holds no lanes"
                : null;

    /// <summary>All known nodes; empty before the start.</summary>
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

    /// <summary>The current figures.</summary>
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

    /// <summary>
    /// Joins the cluster, and runs lanes as soon as the cluster assigns some to this node. Does nothing more when Akka
    /// ends this node meanwhile (<see cref="EndedBy"/>), for example because another one rejects its certificate.
    /// </summary>
    public void Start(ActorSystem system)
    {
        _system = system;
        try
        {
            StartActors(system);
        }
        catch (Exception) when (EndedBy is not null)
        {
            // An actor system that is ending refuses new actors and timers, each with an exception of its own.
        }
    }

    private void StartActors(ActorSystem system)
    {
        var cluster = Akka.Cluster.Cluster.Get(system);
        var us = cluster.SelfAddress;
        var seeds = settings
            .SeedNodes.Select(seed => Address.Parse($"{us.Protocol}://{us.System}@{seed}"))
            .ToImmutableList();
        Func<bool> isReached = () => journal.Status.IsAvailable;
        var leaveAfter = _retakeAfter > JournalWatch.PatienceMin ? _retakeAfter : JournalWatch.PatienceMin;
        cluster.RegisterOnMemberUp(() =>
        {
            system.ActorOf(Props.Create(() => new SecondCluster(seeds, _retakeAfter)), SecondCluster.Name);
            system.ActorOf(Props.Create(() => new JournalWatch(isReached, leaveAfter)), JournalWatch.Name);
        });
        _ = JoinAsync(cluster, seeds);
        var parts = new LaneParts(
            journal,
            service.Lanes,
            service.Admission,
            service.CreateRunner(system),
            service.Counts,
            time
        );
        system.ActorOf(Props.Create(() => new NodeShare(settings.Lanes, service.Divide)), "node-share");
        ClusterSharding.Get(system); // adds the default settings
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
    /// Joins the cluster as soon as this node reaches the journal: it would be given lanes that it cannot take. The
    /// first seed node founds a cluster when it finds none, unless the journal shows other nodes that it cannot reach.
    /// </summary>
    private async Task JoinAsync(Akka.Cluster.Cluster cluster, ImmutableList<Address> seeds)
    {
        if (seeds[0] != cluster.SelfAddress)
        {
            while (!journal.Status.IsAvailable && !cluster.IsTerminated)
                await Task.Delay(JournalPoll, time);
            AskToJoin(cluster, seeds);
            return;
        }

        for (
            bool? mayFound = null;
            cluster.SelfMember.Status == MemberStatus.Removed && !cluster.IsTerminated;
            await Task.Delay(FoundingRetry, time)
        )
        {
            if (!journal.Status.IsAvailable)
                continue;
            var before = mayFound;
            try
            {
                mayFound = !await journal.AreLanesHeldElsewhereAsync(CancellationToken.None);
            }
            catch (JournalUnavailableException)
            {
                continue;
            }
            catch (Exception e)
            {
                // Catches everything: if the loop ended here, the node would never join.
                cluster.System.Log.Warning(e, "Whether this node may found a cluster is not known, and is asked again");
                continue;
            }

            if (mayFound == before)
                continue;
            // A node that is not the first seed never founds a cluster.
            var joined = mayFound == true ? seeds : seeds.RemoveAt(0);
            _hasNobodyToJoin = joined.IsEmpty;
            if (_hasNobodyToJoin)
                cluster.System.Log.Warning("This node does not join: {Problem}", NobodyToJoin);
            else
                AskToJoin(cluster, joined);
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
    /// Hands all lanes over, leaves the cluster and ends the actor system. Handing a lane over has a shorter grace
    /// period of its own.
    /// </summary>
    /// <param name="grace">How long to wait for the answer to a pending request to join.</param>
    public async Task<LaneStop> StopAsync(TimeSpan grace)
    {
        if (_system is { } system)
        {
            var cluster = Akka.Cluster.Cluster.Get(system);
            await WelcomedAsync(cluster, grace);
            // A node that is no member has nothing to hand over or to leave; its shard region would wait 9 s for the
            // coordinator of a cluster, and Akka 5 s for the node's removal.
            await CoordinatedShutdown
                .Get(system)
                .Run(
                    CoordinatedShutdown.ClusterLeavingReason.Instance,
                    cluster.SelfMember.Status == MemberStatus.Removed
                        ? CoordinatedShutdown.PhaseBeforeActorSystemTerminate
                        : null
                );
        }

        return EndedBy is { } reason ? new LaneStop.Removed(reason) : new LaneStop.HandedOver();
    }

    /// <summary>
    /// Waits until this node knows that it is a member, if it has asked to join. Akka lets a node that does not know it
    /// stop without leaving, and the other nodes would keep a member that has stopped.
    /// </summary>
    /// <remarks>
    /// Where no other node holds a lane, only a cluster that is just being founded could know this node. So then the
    /// wait is short.
    /// </remarks>
    private async Task WelcomedAsync(Akka.Cluster.Cluster cluster, TimeSpan grace)
    {
        lock (_joining)
            _isStopping = true;
        using var end = new CancellationTokenSource(grace < _welcomeMax ? grace : _welcomeMax, time);
        try
        {
            var startedAt = time.GetTimestamp();
            for (var isAlone = (bool?)null; IsJoining(cluster) && isAlone != true; )
            {
                await Task.Delay(WelcomePoll, time, end.Token);
                if (isAlone is null && time.GetElapsedTime(startedAt) > FoundingMax)
                    isAlone = await AreOthersAbsentAsync(end.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // nobody answered
        }
    }

    private async Task<bool> AreOthersAbsentAsync(CancellationToken cancellationToken)
    {
        try
        {
            return !await journal.AreLanesHeldElsewhereAsync(cancellationToken);
        }
        catch (JournalUnavailableException)
        {
            return false;
        }
    }

    private bool IsJoining(Akka.Cluster.Cluster cluster) =>
        _hasAsked && cluster.SelfMember.Status == MemberStatus.Removed && !cluster.IsTerminated;
}
