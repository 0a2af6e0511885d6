using AkkaCharging.ReceiverProcesses;

namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>How a client's attempt to submit ended.</summary>
internal enum SubmitEnd
{
    /// <summary>The answer was 200.</summary>
    Accepted,

    /// <summary>The answer was an error.</summary>
    Refused,

    /// <summary>The connection was lost before the answer: the request may have been accepted.</summary>
    Lost,

    /// <summary>Nobody listened.</summary>
    Unreached,
}

/// <summary>One attempt to submit.</summary>
/// <param name="RequestId">The id in the answer; null unless accepted.</param>
/// <param name="Refusal">The <c>status</c> of the error; null unless refused.</param>
internal sealed record SubmitAttempt(SubmitEnd End, string? RequestId = null, string? Refusal = null);

/// <summary>A submission. Only one with an <c>Idempotency-Key</c> is sent more than once.</summary>
/// <param name="Number">The last segment of the callback's path.</param>
/// <param name="Permitted">The decisions that its driver token may get.</param>
/// <param name="MayExpire">Whether it was given a short life.</param>
internal sealed record Submission(
    int Number,
    IReadOnlyList<string> Permitted,
    bool MayExpire,
    IReadOnlyList<SubmitAttempt> Attempts
)
{
    /// <summary>The ids in the answers.</summary>
    public IEnumerable<string> AcceptedIds =>
        Attempts.Select(attempt => attempt.RequestId).OfType<string>().Distinct(StringComparer.Ordinal);
}

/// <summary>A decision as a status page or the audit shows it.</summary>
/// <param name="DecidedAt">In milliseconds since 1970.</param>
internal sealed record ShownDecision(string Status, string Reason, long DecidedAt);

/// <summary>A callback attempt as a status page shows it.</summary>
internal sealed record ShownAttempt(int? HttpStatus, string Outcome);

/// <summary>A request as a status page or the audit shows it.</summary>
/// <param name="Decision">Null while undecided.</param>
/// <param name="Attempts">Empty in the audit.</param>
internal sealed record ShownRequest(
    string RequestId,
    string State,
    ShownDecision? Decision,
    IReadOnlyList<ShownAttempt> Attempts
);

/// <summary>Counts of <c>/metrics</c>, summed over the nodes of a cluster.</summary>
/// <param name="Decisions">By status.</param>
/// <param name="Settled">By final state.</param>
/// <param name="Pending">Requests accepted and not settled, now.</param>
/// <param name="DeadLetters">Failed requests in the journal, now.</param>
internal sealed record ServiceCounts(
    long Accepted,
    IReadOnlyDictionary<string, long> Decisions,
    IReadOnlyDictionary<string, long> Settled,
    long Pending,
    long? DeadLetters
)
{
    /// <summary>The counts of a process that has just started.</summary>
    public static ServiceCounts Zero { get; } =
        new(0, new Dictionary<string, long>(), new Dictionary<string, long>(), 0, DeadLetters: null);
}

/// <summary>A time in which no process ended, so that its counts cover all that happened.</summary>
/// <param name="AuditBefore">The audit at its begin.</param>
internal sealed record CountedTime(IReadOnlyList<ShownRequest> AuditBefore, ServiceCounts Before, ServiceCounts After);

/// <summary>All that clients, receivers and operators saw of a service until nothing was pending any more.</summary>
/// <param name="Callbacks">As they arrived at all receivers.</param>
/// <param name="LookUps">Status pages read meanwhile, in order.</param>
/// <param name="Pages">The status page of each request at the end; none for a request that was not found.</param>
/// <param name="Audit">The audit at the end.</param>
/// <param name="AuthorizerAnswers">Statuses that the HTTP authorizer answered, by request id; null without one.</param>
/// <param name="AttemptsMax">Callback attempts after which a request has failed.</param>
/// <param name="KeepsRefused">Whether a process may have ended before it could take back a request that it refused
/// because its commit was in doubt.</param>
internal sealed record History(
    IReadOnlyList<Submission> Submissions,
    IReadOnlyList<Arrival> Callbacks,
    IReadOnlyList<ShownRequest> LookUps,
    IReadOnlyList<ShownRequest> Pages,
    IReadOnlyList<ShownRequest> Audit,
    ILookup<string, string>? AuthorizerAnswers,
    CountedTime Counted,
    int AttemptsMax,
    bool KeepsRefused
);
