using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>What the journal shows of a request, without driver token and callback path.</summary>
/// <param name="Decision">The decision; null while undecided, and for a request that expired undecided.</param>
/// <param name="ExpiresAt">When the request expires, or expired; renewed by a redrive.</param>
/// <param name="AttemptsMade">Number of the attempts made since acceptance or the latest redrive.</param>
/// <param name="TokenFingerprint">Keyed hash of the driver token, equal for all requests with the token in this
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

/// <summary>An accepted, unsettled request as read from the journal.</summary>
/// <param name="Decision">The stored decision, to be delivered without deciding again; null while undecided.</param>
/// <param name="AttemptsMade">Number of failed attempts since acceptance or the latest redrive; further attempts add to
/// it.</param>
/// <param name="IsRedriven">Whether the request was a dead letter before.</param>
/// <param name="RedrivenAt">When the request was last redriven; null when it never was.</param>
/// <param name="Since">When the request was accepted or redriven, as a timestamp of
/// <see cref="TimeProvider.GetTimestamp"/>, as far as the journal knows and regardless of changes to the wall clock;
/// null for now.</param>
internal sealed record UnsettledRequest(
    ChargingRequest Request,
    Decision? Decision,
    int AttemptsMade,
    bool IsRedriven = false,
    DateTimeOffset? RedrivenAt = null,
    long? Since = null
)
{
    /// <summary>Maximum age of the request.</summary>
    public TimeSpan Life => Request.ExpiresAt - (RedrivenAt ?? Request.AcceptedAt);
}
