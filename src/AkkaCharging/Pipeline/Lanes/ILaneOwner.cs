using Akka.Actor;

namespace AkkaCharging.Pipeline.Lanes;

/// <summary>
/// Brings the lanes of this process and stops them: all of them when it runs alone, some of the cluster's when it is a
/// node.
/// </summary>
internal interface ILaneOwner
{
    /// <summary>Starts the lanes in <paramref name="system"/>, or asks for them.</summary>
    void Start(ActorSystem system);

    /// <summary>Stops the lanes. The intake is closed before: no request comes in any more.</summary>
    /// <param name="grace">How long what is pending may take to finish.</param>
    Task<LaneStop> StopAsync(TimeSpan grace);
}

/// <summary>How the lanes of a process ended.</summary>
internal abstract record LaneStop
{
    /// <summary>The lanes finished what they could within the grace.</summary>
    /// <param name="Left">Accepted requests that are not settled: those in the lanes and those that were not read from
    /// the journal yet.</param>
    public sealed record Drained(long Left) : LaneStop;

    /// <summary>Other nodes have the lanes now, and what was pending in them.</summary>
    public sealed record HandedOver : LaneStop;

    /// <summary>The cluster removed this node before; other nodes resume what was pending here.</summary>
    /// <param name="Reason">Akka's name for it.</param>
    public sealed record Removed(string Reason) : LaneStop;
}
