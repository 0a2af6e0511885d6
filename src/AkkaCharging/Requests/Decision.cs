namespace AkkaCharging.Requests;

/// <summary>What a receiver is told.</summary>
internal enum AuthorizationStatus
{
    /// <summary>The driver may charge.</summary>
    Allowed,

    /// <summary>The driver may not.</summary>
    NotAllowed,

    /// <summary>No answer could be had.</summary>
    Unknown,
}

/// <summary>
/// Why a decision is what it is: for the status page, logs, audit and metrics, never in a callback body.
/// </summary>
internal enum DecisionReason
{
    /// <summary>Allowed by a rule.</summary>
    InAcl,

    /// <summary>No rule names the token.</summary>
    NotInAcl,

    /// <summary>The rule blocks the token.</summary>
    Blocked,

    /// <summary>The rule is not yet, or no longer, valid.</summary>
    Expired,

    /// <summary>The rule names other stations.</summary>
    StationNotAllowed,

    /// <summary>No answer within <c>authorization.timeoutMillis</c>.</summary>
    Timeout,

    /// <summary>The circuit breaker is open.</summary>
    CircuitOpen,

    /// <summary>The authorizer failed.</summary>
    AuthorizerError,

    /// <summary>Allowed by another authorizer than the access list.</summary>
    Authorized,

    /// <summary>No answer within <c>authorization.answerWithinMillis</c>.</summary>
    Deadline,

    /// <summary>The driver's account has no credit.</summary>
    NoCredit,

    /// <summary>The token charges elsewhere, and may not charge twice.</summary>
    ConcurrentSession,

    /// <summary>No partner is responsible for the token.</summary>
    NoRoute,

    /// <summary>The partner wants a location, and the station has none in <c>authorization.stationsFile</c>.</summary>
    NoLocation,
}

/// <summary>The one final answer to a request.</summary>
/// <param name="Details">What the authorizer told beyond yes or no; null for nothing.</param>
internal sealed record Decision(
    AuthorizationStatus Status,
    DecisionReason Reason,
    DateTimeOffset DecidedAt,
    AuthorizationDetails? Details = null
);

/// <summary>How decisions are spelled in JSON, metrics and the journal.</summary>
internal static class DecisionNames
{
    private static readonly string[] Statuses = ["allowed", "not_allowed", "unknown"];
    private static readonly string[] Reasons =
    [
        "in_acl",
        "not_in_acl",
        "blocked",
        "expired",
        "station_not_allowed",
        "timeout",
        "circuit_open",
        "authorizer_error",
        "authorized",
        "deadline",
        "no_credit",
        "concurrent_session",
        "no_route",
        "no_location",
    ];

    /// <summary><c>allowed</c>, <c>not_allowed</c> or <c>unknown</c>.</summary>
    public static string Name(this AuthorizationStatus status) => Statuses[(int)status];

    /// <summary>The reason in snake case.</summary>
    public static string Name(this DecisionReason reason) => Reasons[(int)reason];

    /// <summary>Reads what <see cref="Name(DecisionReason)"/> wrote.</summary>
    public static bool TryParseReason(string? name, out DecisionReason reason)
    {
        var index = Array.IndexOf(Reasons, name);
        reason = (DecisionReason)Math.Max(index, 0);
        return index >= 0;
    }
}
