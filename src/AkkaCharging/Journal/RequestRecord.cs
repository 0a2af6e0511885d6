using AkkaCharging.Authorization;
using AkkaCharging.Callbacks;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>Where an accepted request stands. Settled means one of the last three; of those only <see cref="Failed"/> ever changes again, by a redrive.</summary>
public enum RequestState
{
    /// <summary>On disk, not decided.</summary>
    Queued,

    /// <summary>Decided, not called back.</summary>
    Decided,

    /// <summary>The receiver took the callback.</summary>
    Delivered,

    /// <summary>Out of retries or refused for good: a dead letter.</summary>
    Failed,

    /// <summary>Too old to be of use.</summary>
    Expired,
}

/// <summary>How a request ended.</summary>
/// <param name="State"><see cref="RequestState.Delivered"/>, <see cref="RequestState.Failed"/> or <see cref="RequestState.Expired"/>.</param>
/// <param name="LastAttempt">The attempt that settled it; null when none was made.</param>
public sealed record Settlement(RequestState State, DateTimeOffset At, CallbackAttempt? LastAttempt);

/// <summary>What the journal tells about a request: no secret among it.</summary>
/// <param name="ExpiresAt">The end of its age, or since it was redriven of its new one.</param>
/// <param name="AttemptsMade">How many of the attempts were made since then.</param>
public sealed record RequestRecord(
    RequestId Id,
    string StationId,
    string DriverTokenMasked,
    string? ApiKeyName,
    RequestState State,
    Decision? Decision,
    DateTimeOffset AcceptedAt,
    DateTimeOffset? SettledAt,
    IReadOnlyList<CallbackAttempt> Attempts,
    DateTimeOffset ExpiresAt,
    int AttemptsMade);

/// <summary>A request that was accepted and not settled, as the journal gives it back.</summary>
/// <param name="Decision">Not null: it is delivered, not decided again.</param>
/// <param name="AttemptsMade">Failed attempts so far, or since it was redriven: their count goes on.</param>
/// <param name="IsRedriven">Whether it was a dead letter before.</param>
/// <param name="RedrivenAt">When it was redriven last; null when it never was.</param>
/// <param name="Age">Since it was accepted, or redriven, as far as the journal knows: a wall clock that was set since does not count; null is none.</param>
public sealed record UnsettledRequest(
    ChargingRequest Request, Decision? Decision, int AttemptsMade, bool IsRedriven = false, DateTimeOffset? RedrivenAt = null, TimeSpan? Age = null)
{
    /// <summary>How old it may become.</summary>
    public TimeSpan Life => Request.ExpiresAt - (RedrivenAt ?? Request.AcceptedAt);
}

/// <summary>How states are spelled in JSON, metrics and the journal.</summary>
public static class StateNames
{
    private static readonly string[] States = ["queued", "decided", "delivered", "failed", "expired"];

    /// <summary>The state in lower case.</summary>
    public static string Name(this RequestState state) => States[(int)state];
}
