namespace AkkaCharging.Requests;

/// <summary>How one attempt to deliver a callback ended.</summary>
internal enum CallbackOutcome
{
    /// <summary>The receiver answered 2xx.</summary>
    Success,

    /// <summary>The receiver answered something else.</summary>
    HttpError,

    /// <summary>No connection, a reset, TLS, DNS: no answer could be had.</summary>
    NetworkError,

    /// <summary>No answer within <c>callback.timeoutMillis</c>.</summary>
    Timeout,

    /// <summary>The address policy refused the address that the name led to.</summary>
    Blocked,
}

/// <summary>One attempt to deliver a callback, as the journal keeps it.</summary>
/// <param name="HttpStatus">What the receiver answered; null when it did not.</param>
/// <param name="Cause">Why it failed; null for a success, and for a failure of before causes were kept.</param>
internal sealed record CallbackAttempt(
    DateTimeOffset At,
    TimeSpan Duration,
    int? HttpStatus,
    CallbackOutcome Outcome,
    AttemptCause? Cause = null
);

/// <summary>How outcomes are spelled in JSON, metrics and the journal.</summary>
internal static class CallbackNames
{
    private static readonly string[] Outcomes = ["success", "http_error", "network_error", "timeout", "blocked"];

    /// <summary>The outcome in snake case.</summary>
    public static string Name(this CallbackOutcome outcome) => Outcomes[(int)outcome];
}
