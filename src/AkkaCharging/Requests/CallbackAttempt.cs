namespace AkkaCharging.Requests;

/// <summary>The outcome of a callback attempt.</summary>
internal enum CallbackOutcome
{
    /// <summary>The receiver answered 2xx.</summary>
    Success,

    /// <summary>The receiver answered with another status.</summary>
    HttpError,

    /// <summary>There was no answer, because of the network, a reset, TLS or DNS.</summary>
    NetworkError,

    /// <summary>There was no answer within <c>callback.timeoutMillis</c>.</summary>
    Timeout,

    /// <summary>The address policy rejected the address of the name.</summary>
    Blocked,
}

/// <summary>A callback attempt, as stored in the journal.</summary>
/// <param name="HttpStatus">The status of the receiver's answer; null without an answer.</param>
/// <param name="Cause">Why the attempt failed; null for a success, and for a failure recorded before causes were
/// stored.</param>
internal sealed record CallbackAttempt(
    DateTimeOffset At,
    TimeSpan Duration,
    int? HttpStatus,
    CallbackOutcome Outcome,
    AttemptCause? Cause = null
);

/// <summary>The names of outcomes in JSON, metrics and the journal.</summary>
internal static class CallbackNames
{
    private static readonly string[] Outcomes = ["success", "http_error", "network_error", "timeout", "blocked"];

    /// <summary>Returns the outcome in snake case.</summary>
    public static string Name(this CallbackOutcome outcome) => Outcomes[(int)outcome];
}
