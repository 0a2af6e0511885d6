using Akka.Actor;
using Akka.Event;

namespace AkkaCharging.Clustering;

/// <summary>Ends this node when it is in a second cluster on the same journal.</summary>
/// <remarks>
/// <para>
/// A cut that leaves the first seed node with the journal, and all other nodes without it, makes two clusters. The
/// first seed node ends itself as a minority. After its next start, the journal shows it no other node, so it founds a
/// cluster. When the cut heals, both clusters take the lanes from each other, and nothing would ever join them.
/// </para>
/// <para>
/// Only the first seed node founds clusters, so the cluster that it is a member of is the younger one. The nodes of
/// that cluster end when another seed node keeps saying that it is up and reaches the journal, without being a member
/// here. Started again, they find the other cluster in the journal and join it.
/// </para>
/// </remarks>
/// <param name="seeds">All seed nodes, the one that founds the cluster first.</param>
/// <param name="patience">How long another cluster must have been there.</param>
internal sealed class SecondCluster(IReadOnlyList<Address> seeds, TimeSpan patience) : NodeWatch(patience)
{
    public const string Name = "second-cluster";

    protected override EndReason Reason { get; } = new SecondClusterReason();

    protected override IEnumerable<Address> FindOthers()
    {
        var members = Cluster.State.Members.Select(member => member.Address).ToHashSet();
        return members.Contains(seeds[0]) ? seeds.Where(seed => !members.Contains(seed)) : [];
    }

    protected override void LogEnd(Address other) =>
        Log.Error(
            "{Other} is a member of another cluster on the same journal. This node ends, to join that cluster when it "
                + "is started again",
            other
        );

    private sealed class SecondClusterReason : EndReason;
}
