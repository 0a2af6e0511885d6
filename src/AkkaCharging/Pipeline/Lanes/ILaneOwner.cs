using Akka.Actor;

namespace AkkaCharging.Pipeline.Lanes;

/// <summary>
/// Starts and stops the lanes of this process: all lanes of a standalone process, some of the cluster's lanes on a
/// node.
/// </summary>
internal interface ILaneOwner
{
    /// <summary>Starts the lanes in <paramref name="system"/>, or requests them from the cluster.</summary>
    void Start(ActorSystem system);

    /// <summary>Stops the lanes. The intake was closed before, so no further request is added.</summary>
    /// <param name="grace">Time for pending requests to finish.</param>
    Task<LaneStop> StopAsync(TimeSpan grace);
}

/// <summary>The result of stopping the lanes of a process.</summary>
internal abstract record LaneStop
{
    /// <summary>The lanes were drained within the grace period, as far as possible.</summary>
    /// <param name="Left">Number of unsettled requests: those in the lanes and those not yet read from the
    /// journal.</param>
    public sealed record Drained(long Left) : LaneStop;

    /// <summary>Other nodes hold the lanes now, including the pending requests.</summary>
    public sealed record HandedOver : LaneStop;

    /// <summary>
    /// This node was removed from the cluster, or left it by itself, before; other nodes resume its pending requests.
    /// </summary>
    /// <param name="Reason">The name of the reason's type.</param>
    public sealed record Removed(string Reason) : LaneStop;
}
