using AkkaCharging.Requests;

namespace AkkaCharging.Receivers;

/// <summary>A receiver as operators see it.</summary>
/// <param name="Pending">Requests that are not settled.</param>
/// <param name="InFlightMax">How many attempts it may have in flight at present.</param>
/// <param name="Waiting">Requests that wait for an attempt.</param>
/// <param name="Retrying">Requests in the retry lane.</param>
/// <param name="FailuresInARow">Since its last answer.</param>
/// <param name="FailingSince">When the first of them was; null without one.</param>
/// <param name="ProbeAt">When an open breaker lets its next probe go; null otherwise.</param>
/// <param name="LastAttempt">The attempt that ended last; null before the first.</param>
internal sealed record ReceiverStatus(
    DestinationKey Key,
    Standing Standing,
    BreakerState Breaker,
    bool IsPaused,
    int Pending,
    int InFlight,
    int InFlightMax,
    int Waiting,
    int Retrying,
    int FailuresInARow,
    DateTimeOffset? FailingSince,
    DateTimeOffset? ProbeAt,
    CallbackAttempt? LastAttempt
);

/// <summary>How many receivers there are of each standing, and with a breaker that is not closed.</summary>
internal readonly record struct ReceiverCounts(int New, int Proven, int Silent, int BreakersOpen)
{
    /// <summary>All receivers that are remembered.</summary>
    public int All => New + Proven + Silent;
}
