namespace AkkaCharging.Requests;

/// <summary>The answer that a receiver gets.</summary>
internal enum AuthorizationStatus
{
    /// <summary>The driver may charge.</summary>
    Allowed,

    /// <summary>The driver may not charge.</summary>
    NotAllowed,

    /// <summary>The authorizer gave no answer.</summary>
    Unknown,
}

/// <summary>
/// Why a decision was made, for the status page, logs, audit and metrics; never in a callback of the default format.
/// </summary>
internal enum DecisionReason
{
    /// <summary>A rule of the access list allows the token.</summary>
    InAcl,

    /// <summary>No rule of the access list names the token.</summary>
    NotInAcl,

    /// <summary>The rule blocks the token.</summary>
    Blocked,

    /// <summary>The rule is not yet, or no longer, valid.</summary>
    Expired,

    /// <summary>The rule is for other stations.</summary>
    StationNotAllowed,

    /// <summary>There was no answer within <c>authorization.timeoutMillis</c>.</summary>
    Timeout,

    /// <summary>The circuit breaker is open.</summary>
    CircuitOpen,

    /// <summary>The authorizer failed.</summary>
    AuthorizerError,

    /// <summary>An authorizer other than the access list allowed it.</summary>
    Authorized,

    /// <summary>There was no answer within <c>authorization.answerWithinMillis</c>.</summary>
    Deadline,

    /// <summary>The driver's account has no credit.</summary>
    NoCredit,

    /// <summary>The token is in use in another charging session and may not charge twice.</summary>
    ConcurrentSession,

    /// <summary>No partner is responsible for the token.</summary>
    NoRoute,

    /// <summary>
    /// The partner requires a location, and the station has none in <c>authorization.stationsFile</c>.
    /// </summary>
    NoLocation,
}

/// <summary>The final decision on a request.</summary>
/// <param name="Details">Further details from the authorizer; null for none.</param>
internal sealed record Decision(
    AuthorizationStatus Status,
    DecisionReason Reason,
    DateTimeOffset DecidedAt,
    AuthorizationDetails? Details = null
);

/// <summary>The names of decisions in JSON, metrics and the journal.</summary>
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

    /// <summary>Returns <c>allowed</c>, <c>not_allowed</c> or <c>unknown</c>.</summary>
    public static string Name(this AuthorizationStatus status) => Statuses[(int)status];

    /// <summary>Returns the reason in snake case.</summary>
    public static string Name(this DecisionReason reason) => Reasons[(int)reason];
}
