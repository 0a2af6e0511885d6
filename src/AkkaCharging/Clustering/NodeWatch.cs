using Akka.Actor;
using Akka.Event;

namespace AkkaCharging.Clustering;

/// <summary>Ends this node when another one keeps answering that it is up and reaches the journal.</summary>
/// <remarks>Which nodes are asked, and so may end this one, is for the derived class to say.</remarks>
internal abstract class NodeWatch : ReceiveActor, IWithTimers
{
    // More than one: after an outage the nodes reach the journal again one after another, and a node that stood still
    // or was cut off answers until it notices that it was removed.
    private const int RoundsMax = 6;

    private readonly TimeSpan _interval;
    private Address? _other;
    private int _rounds;

    /// <param name="patience">How long another node must have answered.</param>
    protected NodeWatch(TimeSpan patience)
    {
        _interval = patience / RoundsMax;
        Receive<Look>(_ => LookAtOthers());
        Receive<ActorIdentity>(answer =>
        {
            if (answer.Subject is not null && answer.MessageId is Address other)
                _other = other;
        });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected Akka.Cluster.Cluster Cluster { get; } = Akka.Cluster.Cluster.Get(Context.System);

    protected ILoggingAdapter Log { get; } = Context.GetLogger();

    /// <summary>
    /// Returns the nodes because of which this one ends if one of them keeps answering; none while this node is where
    /// it belongs.
    /// </summary>
    protected abstract IEnumerable<Address> FindOthers();

    /// <summary>Why this node ends.</summary>
    protected abstract EndReason Reason { get; }

    /// <summary>Logs why this node ends.</summary>
    protected abstract void LogEnd(Address other);

    protected override void PreStart() => Timers.StartPeriodicTimer("look", Look.Instance, TimeSpan.Zero, _interval);

    private void LookAtOthers()
    {
        var others = FindOthers().ToList();
        _rounds = _other is not null && others.Contains(_other) ? _rounds + 1 : 0;
        if (_rounds == RoundsMax)
        {
            LogEnd(_other!);
            Timers.CancelAll(); // whatever happens now, nobody is to rely on this node
            _ = CoordinatedShutdown.Get(Context.System).Run(Reason);
            return;
        }

        _other = null;
        foreach (var other in others)
            Context.ActorSelection(JournalWatch.ReachedOn(other)).Tell(new Identify(other));
    }

    /// <summary>Why the actor system ends: the others go on.</summary>
    protected abstract class EndReason : CoordinatedShutdown.Reason
    {
        public override int ExitCode => CoordinatedShutdown.ClusterDowningReason.Instance.ExitCode;
    }

    private sealed record Look
    {
        public static readonly Look Instance = new();
    }
}
