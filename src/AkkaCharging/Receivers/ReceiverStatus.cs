using AkkaCharging.Requests;

namespace AkkaCharging.Receivers;

/// <summary>The status of a receiver, for operators.</summary>
/// <param name="PausedSince">When an operator paused the receiver; null while it is not paused.</param>
/// <param name="Pending">Number of unsettled requests.</param>
/// <param name="InFlightMax">Maximum number of attempts in flight at present.</param>
/// <param name="Waiting">Number of requests that wait for an attempt.</param>
/// <param name="Retrying">Number of requests in the retry lane.</param>
/// <param name="FailuresInARow">Number of failures since the last answer.</param>
/// <param name="FailingSince">When the first of these failures occurred; null without one.</param>
/// <param name="ProbeAt">When an open breaker starts its next probe; null otherwise.</param>
/// <param name="LastAttempt">The latest attempt that ended; null before the first.</param>
internal sealed record ReceiverStatus(
    DestinationKey Key,
    Standing Standing,
    BreakerState Breaker,
    DateTimeOffset? PausedSince,
    int Pending,
    int InFlight,
    int InFlightMax,
    int Waiting,
    int Retrying,
    int FailuresInARow,
    DateTimeOffset? FailingSince,
    DateTimeOffset? ProbeAt,
    CallbackAttempt? LastAttempt
)
{
    public bool IsPaused => PausedSince is not null;
}

/// <summary>The number of receivers by standing, and of those whose breaker is not closed.</summary>
internal readonly record struct ReceiverCounts(int New, int Proven, int Silent, int BreakersOpen)
{
    /// <summary>Number of all remembered receivers.</summary>
    public int All => New + Proven + Silent;
}
