using Akka.Actor;
using Akka.Cluster;
using Akka.Event;

namespace AkkaCharging.Clustering;

/// <summary>
/// Tells how many nodes share the limits that are meant for the whole cluster, whenever that changes.
/// </summary>
/// <remarks>
/// A node that joins counts from the moment it is up; one that is unreachable goes on to count until it is removed. So
/// the shares never add up to more than the limit, a partition included. More nodes than lanes are warned of: the
/// settings of one node cannot tell how many there will be.
/// </remarks>
internal sealed class NodeShare : ReceiveActor
{
    private readonly Action<int> _changed;
    private readonly Akka.Cluster.Cluster _cluster = Akka.Cluster.Cluster.Get(Context.System);
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly HashSet<UniqueAddress> _nodes = [];
    private readonly int _lanes;

    /// <param name="lanes">Of the whole cluster.</param>
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
                "{Nodes} nodes share {Lanes} lanes: a node without a lane accepts nothing. Stop all, then "
                    + "start them with a higher cluster.lanes",
                _nodes.Count,
                _lanes
            );
        _changed(Math.Max(1, _nodes.Count));
    }
}
