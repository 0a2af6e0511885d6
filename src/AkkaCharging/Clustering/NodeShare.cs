using Akka.Actor;
using Akka.Cluster;
using Akka.Event;

namespace AkkaCharging.Clustering;

/// <summary>Reports each change of the number of nodes that share the limits of the whole cluster.</summary>
/// <remarks>
/// A node counts from the moment it is up, and an unreachable one until it is removed. So the shares never add up to
/// more than the limit, even during a partition. Logs a warning when there are more nodes than lanes, because the
/// settings of one node cannot tell how many nodes there will be.
/// </remarks>
internal sealed class NodeShare : ReceiveActor
{
    private readonly Action<int> _changed;
    private readonly Akka.Cluster.Cluster _cluster = Akka.Cluster.Cluster.Get(Context.System);
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly HashSet<UniqueAddress> _nodes = [];
    private readonly int _lanes;

    /// <param name="lanes">Number of lanes of the whole cluster.</param>
    public NodeShare(int lanes, Action<int> changed)
    {
        (_lanes, _changed) = (lanes, changed);
        Receive<ClusterEvent.MemberUp>(up => Change(() => _nodes.Add(up.Member.UniqueAddress)));
        Receive<ClusterEvent.MemberRemoved>(removed => Change(() => _nodes.Remove(removed.Member.UniqueAddress)));
    }

    protected override void PreStart() =>
        _cluster.Subscribe(
            Self,
            ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents,
            typeof(ClusterEvent.MemberUp),
            typeof(ClusterEvent.MemberRemoved)
        );

    protected override void PostStop() => _cluster.Unsubscribe(Self);

    private void Change(Func<bool> change)
    {
        if (!change())
            return;
        if (_nodes.Count > _lanes)
            _log.Warning(
                "{Nodes} nodes share {Lanes} lanes: a node without a lane accepts no requests. Stop all nodes, "
                    + "then start them with a higher cluster.lanes",
                _nodes.Count,
                _lanes
            );
        _changed(Math.Max(1, _nodes.Count));
    }
}
