namespace AkkaCharging.Metrics;

/// <summary>The status of an API response: <c>status</c> in its body and the outcome in metrics.</summary>
internal enum AnswerStatus
{
    /// <summary>200: the request is in the journal, a decision follows.</summary>
    Accepted,

    /// <summary>200: the same submission was accepted before under the same idempotency key.</summary>
    Replayed,

    /// <summary>400: the body, a field or a header breaks a rule.</summary>
    ValidationError,

    /// <summary>400: the request is not valid HTTP.</summary>
    BadRequest,

    /// <summary>401: the key or token is missing or unknown.</summary>
    Unauthorized,

    /// <summary>403: the caller may not do this.</summary>
    Forbidden,

    /// <summary>404: no such request, or no such route.</summary>
    NotFound,

    /// <summary>405: the route does not support the method.</summary>
    MethodNotAllowed,

    /// <summary>408: the body did not arrive in time.</summary>
    RequestTimeout,

    /// <summary>409: the request contradicts an earlier one, or the state of what it names.</summary>
    Conflict,

    /// <summary>413: the body is too long.</summary>
    PayloadTooLarge,

    /// <summary>415: the content type is not JSON in UTF-8, or the body has a content encoding.</summary>
    UnsupportedMediaType,

    /// <summary>
    /// 429: the limit of the API key or the address is used up, or too many requests are in progress.
    /// </summary>
    RateLimited,

    /// <summary>500: an unhandled exception.</summary>
    InternalError,

    /// <summary>500: the stored request is damaged.</summary>
    RequestDamaged,

    /// <summary>503: <c>queue.maxSize</c> requests are pending.</summary>
    QueueFull,

    /// <summary>503: too many requests are pending for the callback's destination.</summary>
    DestinationBacklogged,

    /// <summary>503: the journal is not available.</summary>
    JournalUnavailable,

    /// <summary>503: the service is shutting down.</summary>
    ShuttingDown,

    /// <summary>503: the metrics actor does not answer.</summary>
    MetricsUnavailable,

    /// <summary>503: the authorizer gave no answer to a question that can only be answered with yes or no.</summary>
    Undecided,
}

/// <summary>The names of statuses in bodies and metrics.</summary>
internal static class AnswerStatuses
{
    private static readonly string[] Names =
    [
        "accepted",
        "replayed",
        "validation_error",
        "bad_request",
        "unauthorized",
        "forbidden",
        "not_found",
        "method_not_allowed",
        "request_timeout",
        "conflict",
        "payload_too_large",
        "unsupported_media_type",
        "rate_limited",
        "internal_error",
        "request_damaged",
        "queue_full",
        "destination_backlogged",
        "journal_unavailable",
        "shutting_down",
        "metrics_unavailable",
        "undecided",
    ];

    /// <summary>The statuses that a submission can be answered with.</summary>
    public static IReadOnlyList<AnswerStatus> OfSubmissions { get; } =
    [
        AnswerStatus.Accepted,
        AnswerStatus.Replayed,
        AnswerStatus.ValidationError,
        AnswerStatus.Unauthorized,
        AnswerStatus.Forbidden,
        AnswerStatus.RequestTimeout,
        AnswerStatus.Conflict,
        AnswerStatus.PayloadTooLarge,
        AnswerStatus.UnsupportedMediaType,
        AnswerStatus.RateLimited,
        AnswerStatus.QueueFull,
        AnswerStatus.DestinationBacklogged,
        AnswerStatus.JournalUnavailable,
        AnswerStatus.ShuttingDown,
        AnswerStatus.InternalError,
    ];

    /// <summary>Returns the status in snake case.</summary>
    public static string Name(this AnswerStatus status) => Names[(int)status];
}
