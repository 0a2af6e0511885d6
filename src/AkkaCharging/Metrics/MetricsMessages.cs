using AkkaCharging.Requests;

namespace AkkaCharging.Metrics;

/// <summary>An event that is counted. Contains no data of a caller: no id, token, station or URL.</summary>
internal abstract record MetricsEvent;

/// <summary>A submission was answered.</summary>
internal sealed record SubmissionAnswered(AnswerStatus Outcome, TimeSpan Duration) : MetricsEvent;

/// <summary>A decision was journaled.</summary>
internal sealed record DecisionMade(
    AuthorizationStatus Status,
    DecisionReason Reason,
    TimeSpan QueueWait,
    TimeSpan Duration
) : MetricsEvent;

/// <summary>A callback attempt ended.</summary>
/// <param name="IsRedriven">Whether it was an attempt of a redriven request, which is counted, but does not show the
/// state of receivers.</param>
/// <param name="Cause">Why the attempt failed; null for a success.</param>
internal sealed record CallbackAttempted(
    CallbackOutcome Outcome,
    TimeSpan Duration,
    bool IsRedriven = false,
    AttemptCause? Cause = null
) : MetricsEvent;

/// <summary>A request was settled.</summary>
/// <param name="EndToEnd">Time since acceptance.</param>
/// <param name="IsRedriven">Whether the request was redriven: its time then depends on the operator.</param>
internal sealed record RequestSettled(RequestState State, TimeSpan EndToEnd, bool IsRedriven = false) : MetricsEvent;

/// <summary>The state of the authorizer's circuit breaker changed.</summary>
internal sealed record BreakerMoved(BreakerState State) : MetricsEvent;

/// <summary>The circuit breaker of a receiver opened, or closed.</summary>
internal sealed record ReceiverBreakerMoved(BreakerState State) : MetricsEvent;

/// <summary>The journal committed a group of writes.</summary>
internal sealed record JournalCommitted(TimeSpan Duration, int Writes) : MetricsEvent;

/// <summary>A minute of <see cref="LastHour"/> is over.</summary>
/// <param name="Pending">Number of pending requests.</param>
internal sealed record MinuteEnded(long Pending) : MetricsEvent;

/// <summary>A batch of events in their order.</summary>
internal sealed record MetricsBatch(IReadOnlyList<MetricsEvent> Events);

/// <summary>Requests a <see cref="MetricsSnapshot"/> from the metrics actor.</summary>
internal sealed record GetMetrics
{
    public static readonly GetMetrics Instance = new();
}

/// <summary>Requests the points of <see cref="LastHour"/> from the metrics actor.</summary>
/// <param name="Pending">Number of pending requests.</param>
internal sealed record GetHistory(long Pending);

/// <summary>
/// The metrics at a point in time. Counts are since the start; rates and times cover the sliding window only.
/// </summary>
/// <param name="Requests">Number of submissions by <see cref="AnswerStatus"/>, without statuses that never occurred;
/// ordered by name.</param>
/// <param name="Decisions">Number of decisions by status.</param>
/// <param name="DecisionsByReason">Number of decisions by status and reason, including pairs that never occur.</param>
/// <param name="Attempts">Number of callback attempts by outcome.</param>
/// <param name="AttemptFailures">Number of failed callback attempts by cause.</param>
/// <param name="Settled">Number of settled requests by final state.</param>
/// <param name="BreakerTransitions">Number of transitions of all authorizers' breakers by new state.</param>
/// <param name="ReceiverBreakerTransitions">Number of times that breakers of receivers opened and closed.</param>
/// <param name="Callbacks">Callback attempts in the sliding window, without those of redriven requests.</param>
internal sealed record MetricsSnapshot(
    IReadOnlyDictionary<string, long> Requests,
    IReadOnlyDictionary<string, long> Decisions,
    IReadOnlyDictionary<string, long> Reasons,
    IReadOnlyList<DecisionCount> DecisionsByReason,
    IReadOnlyDictionary<string, long> Attempts,
    IReadOnlyDictionary<string, long> AttemptFailures,
    IReadOnlyDictionary<string, long> Settled,
    IReadOnlyDictionary<string, long> BreakerTransitions,
    IReadOnlyDictionary<string, long> ReceiverBreakerTransitions,
    RateWindow Authorization,
    RateWindow Callbacks,
    double AuthorizationTimeAverageMillis,
    double AuthorizationTimeP95Millis
);

/// <summary>The number of decisions with a status and reason.</summary>
internal readonly record struct DecisionCount(AuthorizationStatus Status, DecisionReason Reason, long Count);

/// <summary>The number of events in the sliding window, and of failures among them.</summary>
internal sealed record RateWindow(long Total, long Errors)
{
    /// <summary>The share of failures from 0 to 1; 0 without events.</summary>
    public double ErrorRate => Total == 0 ? 0 : (double)Errors / Total;
}
