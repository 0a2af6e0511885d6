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
internal sealed class SecondCluster : ReceiveActor, IWithTimers
{
    public const string Name = "second-cluster";

    // More than one, because a node that stood still or was cut off answers until it notices that it was removed.
    private const int RoundsMax = 6;

    private readonly Akka.Cluster.Cluster _cluster = Akka.Cluster.Cluster.Get(Context.System);
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly IReadOnlyList<Address> _seeds;
    private readonly TimeSpan _interval;
    private Address? _other;
    private int _rounds;

    /// <param name="seeds">All seed nodes, the one that founds the cluster first.</param>
    /// <param name="patience">How long another cluster must have been there.</param>
    public SecondCluster(IReadOnlyList<Address> seeds, TimeSpan patience)
    {
        (_seeds, _interval) = (seeds, patience / RoundsMax);
        Receive<Ask>(_ => AskSeeds());
        Receive<ActorIdentity>(answer =>
        {
            if (answer.Subject is not null && answer.MessageId is Address seed)
                _other = seed;
        });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart() => Timers.StartPeriodicTimer("ask", Ask.Instance, _interval);

    private void AskSeeds()
    {
        var members = _cluster.State.Members.Select(member => member.Address).ToHashSet();
        _rounds = _other is not null && !members.Contains(_other) ? _rounds + 1 : 0;
        if (_rounds == RoundsMax)
        {
            _log.Error(
                "{Other} is a member of another cluster on the same journal. This node ends, to join that cluster "
                    + "when it is started again",
                _other
            );
            _ = CoordinatedShutdown.Get(Context.System).Run(SecondClusterReason.Instance);
        }

        _other = null;
        if (!members.Contains(_seeds[0]))
            return;
        foreach (var seed in _seeds.Where(seed => !members.Contains(seed)))
            Context.ActorSelection(JournalWatch.ReachedOn(seed)).Tell(new Identify(seed));
    }

    /// <summary>Why the actor system ends.</summary>
    private sealed class SecondClusterReason : CoordinatedShutdown.Reason
    {
        public static readonly SecondClusterReason Instance = new();

        public override int ExitCode => CoordinatedShutdown.ClusterDowningReason.Instance.ExitCode;
    }

    private sealed record Ask
    {
        public static readonly Ask Instance = new();
    }
}
