using Akka.Actor;
using Akka.Event;

namespace AkkaCharging.Clustering;

/// <summary>Ends this node when it no longer reaches the journal and another node does.</summary>
/// <remarks>
/// The requests of its lanes then continue on the other nodes, instead of expiring here. While no node reaches the
/// journal, all of them keep their lanes and continue when it is back.
/// </remarks>
internal sealed class JournalWatch : ReceiveActor, IWithTimers
{
    public const string Name = "journal-watch";

    /// <summary>Time that a node needs to connect again, at most, once the journal answers it.</summary>
    public static readonly TimeSpan PatienceMin = TimeSpan.FromSeconds(15);

    private const string Reached = "reached";

    // More than one, because after an outage the nodes reach the journal again one after another.
    private const int RoundsMax = 6;

    private readonly Akka.Cluster.Cluster _cluster = Akka.Cluster.Cluster.Get(Context.System);
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private readonly Func<bool> _isReached;
    private readonly TimeSpan _interval;
    private Address? _other;
    private int _rounds;

    /// <param name="isReached">Whether this node reaches the journal.</param>
    /// <param name="patience">How long another node must have reached the journal while this one did not.</param>
    public JournalWatch(Func<bool> isReached, TimeSpan patience)
    {
        (_isReached, _interval) = (isReached, patience / RoundsMax);
        Receive<Look>(_ => LookAtJournal());
        Receive<ActorIdentity>(answer =>
        {
            if (answer.Subject is not null && answer.MessageId is Address other)
                _other = other;
        });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    /// <summary>
    /// The path of a child that runs while a node is up and reaches the journal: nodes ask each other whether it is
    /// there.
    /// </summary>
    public static ActorPath ReachedOn(Address node) => new RootActorPath(node) / "user" / Name / Reached;

    protected override void PreStart() => Timers.StartPeriodicTimer("look", Look.Instance, TimeSpan.Zero, _interval);

    private void LookAtJournal()
    {
        var child = Context.Child(Reached);
        if (_isReached())
        {
            (_other, _rounds) = (null, 0);
            if (child.IsNobody())
                Context.ActorOf(Props.Empty, Reached);
            return;
        }

        Context.Stop(child);
        _rounds = _other is null ? 0 : _rounds + 1;
        if (_rounds == RoundsMax)
        {
            _log.Error(
                "This node does not reach the journal, and {Other} does. This node ends, so that its requests continue "
                    + "on other nodes",
                _other
            );
            Timers.CancelAll(); // whatever happens to the journal now, nobody is to rely on this node
            _ = CoordinatedShutdown.Get(Context.System).Run(JournalLostReason.Instance);
            return;
        }

        _other = null;
        foreach (var member in _cluster.State.Members.Where(member => member.Address != _cluster.SelfAddress))
            Context.ActorSelection(ReachedOn(member.Address)).Tell(new Identify(member.Address));
    }

    /// <summary>Why the actor system ends.</summary>
    private sealed class JournalLostReason : CoordinatedShutdown.Reason
    {
        public static readonly JournalLostReason Instance = new();

        public override int ExitCode => CoordinatedShutdown.ClusterDowningReason.Instance.ExitCode;
    }

    private sealed record Look
    {
        public static readonly Look Instance = new();
    }
}
