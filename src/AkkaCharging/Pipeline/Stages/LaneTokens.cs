namespace AkkaCharging.Pipeline.Stages;

/// <summary>The two ways in which a run of a lane ends early.</summary>
/// <param name="Stopping">Everything ends at once: calls are cancelled, and requests pass unsettled.</param>
/// <param name="Leaving">What waits for a retry passes unsettled; attempts are finished. Cancelled at the latest with
/// <paramref name="Stopping"/>.</param>
internal readonly record struct LaneTokens(CancellationToken Stopping, CancellationToken Leaving)
{
    /// <summary>A run that stops without leaving anything first.</summary>
    public static LaneTokens StoppedBy(CancellationToken stopping) => new(stopping, stopping);
}
