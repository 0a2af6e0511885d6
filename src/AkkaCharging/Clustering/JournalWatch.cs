using Akka.Actor;
using Akka.Event;

namespace AkkaCharging.Clustering;

/// <summary>Ends this node when it no longer reaches the journal and another node does.</summary>
/// <remarks>
/// The requests of its lanes then continue on the other nodes, instead of expiring here. While no node reaches the
/// journal, all of them keep their lanes and continue when it is back.
/// </remarks>
/// <param name="isReached">Whether this node reaches the journal.</param>
/// <param name="patience">How long another node must have reached the journal while this one did not.</param>
internal sealed class JournalWatch(Func<bool> isReached, TimeSpan patience) : NodeWatch(patience)
{
    public const string Name = "journal-watch";

    /// <summary>Time that a node needs to connect again, at most, once the journal answers it.</summary>
    public static readonly TimeSpan PatienceMin = TimeSpan.FromSeconds(15);

    private const string Reached = "reached";

    /// <summary>
    /// The path of a child that runs while a node is up and reaches the journal: nodes ask each other whether it is
    /// there.
    /// </summary>
    public static ActorPath ReachedOn(Address node) => new RootActorPath(node) / "user" / Name / Reached;

    protected override EndReason Reason { get; } = new JournalLostReason();

    protected override IEnumerable<Address> FindOthers()
    {
        var child = Context.Child(Reached);
        if (isReached())
        {
            if (child.IsNobody())
                Context.ActorOf(Props.Empty, Reached);
            return [];
        }

        Context.Stop(child);
        return Cluster.State.Members.Select(member => member.Address).Where(member => member != Cluster.SelfAddress);
    }

    protected override void LogEnd(Address other) =>
        Log.Error(
            "This node does not reach the journal, and {Other} does. This node ends, so that its requests continue on "
                + "other nodes",
            other
        );

    private sealed class JournalLostReason : EndReason;
}
