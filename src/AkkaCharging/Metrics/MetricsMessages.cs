using AkkaCharging.Requests;

namespace AkkaCharging.Metrics;

/// <summary>
/// Something that happened and is counted. Carries nothing of a caller's: no id, token, station or URL.
/// </summary>
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
/// <param name="IsRedriven">Of a dead letter: counted, but no sign of how receivers are.</param>
/// <param name="Cause">Why it failed; null for a success.</param>
internal sealed record CallbackAttempted(
    CallbackOutcome Outcome,
    TimeSpan Duration,
    bool IsRedriven = false,
    AttemptCause? Cause = null
) : MetricsEvent;

/// <summary>A request was settled.</summary>
/// <param name="EndToEnd">From acceptance.</param>
/// <param name="IsRedriven">Whether it was a dead letter before: its time says when an operator came to it.</param>
internal sealed record RequestSettled(RequestState State, TimeSpan EndToEnd, bool IsRedriven = false) : MetricsEvent;

/// <summary>The authorizer's circuit breaker changed its state.</summary>
internal sealed record BreakerMoved(BreakerState State) : MetricsEvent;

/// <summary>The circuit breaker of a receiver opened, or closed.</summary>
internal sealed record ReceiverBreakerMoved(BreakerState State) : MetricsEvent;

/// <summary>The journal committed a group of writes.</summary>
internal sealed record JournalCommitted(TimeSpan Duration, int Writes) : MetricsEvent;

/// <summary>Events in the order in which they were told.</summary>
internal sealed record MetricsBatch(IReadOnlyList<MetricsEvent> Events);

/// <summary>Asks the metrics actor for a <see cref="MetricsSnapshot"/>.</summary>
internal sealed record GetMetrics
{
    public static readonly GetMetrics Instance = new();
}

/// <summary>
/// What the metrics actor knows at a moment. Counts are since the start; rates and times are of the sliding window
/// alone.
/// </summary>
/// <param name="Requests">Submissions by <see cref="AnswerStatus"/>, those that occurred alone; in the order of
/// their names.</param>
/// <param name="Decisions">By status.</param>
/// <param name="DecisionsByReason">Every pair of status and reason, those that never occur among them.</param>
/// <param name="Attempts">Callback attempts by outcome.</param>
/// <param name="AttemptFailures">Callback attempts that failed, by cause.</param>
/// <param name="Settled">Requests by final state.</param>
/// <param name="BreakerTransitions">Of the authorizer's breaker, by the state that it entered.</param>
/// <param name="ReceiverBreakerTransitions">Of the breakers of all receivers: opened and closed.</param>
/// <param name="Callbacks">Attempts without those of redriven requests.</param>
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

/// <summary>How many decisions there were of one kind.</summary>
internal readonly record struct DecisionCount(AuthorizationStatus Status, DecisionReason Reason, long Count);

/// <summary>Events of the sliding window and how many of them were failures.</summary>
internal sealed record RateWindow(long Total, long Errors)
{
    /// <summary>0 to 1; 0 without events.</summary>
    public double ErrorRate => Total == 0 ? 0 : (double)Errors / Total;
}
