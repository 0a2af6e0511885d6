using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>What the journal tells about a request: no driver token and no callback path.</summary>
/// <param name="Decision">Null while undecided, and for a request that expired before it was.</param>
/// <param name="ExpiresAt">The end of its age, or since it was redriven of its new one.</param>
/// <param name="AttemptsMade">How many of the attempts were made since then.</param>
/// <param name="TokenFingerprint">Keyed hash of the driver token, the same for every request of it in this
/// journal.</param>
/// <param name="Destination">Scheme, host and port of the callback URL.</param>
internal sealed record RequestRecord(
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
    int AttemptsMade,
    byte[] TokenFingerprint,
    string Destination
);

/// <summary>A request that was accepted and not settled, as the journal gives it back.</summary>
/// <param name="Decision">Not null: it is delivered, not decided again.</param>
/// <param name="AttemptsMade">Failed attempts so far, or since it was redriven: their count goes on.</param>
/// <param name="IsRedriven">Whether it was a dead letter before.</param>
/// <param name="RedrivenAt">When it was redriven last; null when it never was.</param>
/// <param name="Age">Since it was accepted, or redriven, as far as the journal knows: a wall clock that was set since
/// does not count; null is none.</param>
internal sealed record UnsettledRequest(
    ChargingRequest Request,
    Decision? Decision,
    int AttemptsMade,
    bool IsRedriven = false,
    DateTimeOffset? RedrivenAt = null,
    TimeSpan? Age = null
)
{
    /// <summary>How old it may become.</summary>
    public TimeSpan Life => Request.ExpiresAt - (RedrivenAt ?? Request.AcceptedAt);
}
