namespace AkkaCharging.Pipeline.Stages;

/// <summary>The two ways to end a run of a lane early.</summary>
/// <param name="Stopping">Ends everything at once: calls are cancelled, and requests pass unsettled.</param>
/// <param name="Leaving">Lets requests that wait for a retry pass unsettled, while attempts are finished. Cancelled no
/// later than <paramref name="Stopping"/>.</param>
internal readonly record struct LaneTokens(CancellationToken Stopping, CancellationToken Leaving);
