using System.Text.Json;
using System.Text.Json.Serialization;
using Akka.Cluster;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.DeadLetters;
using AkkaCharging.Host.Health;
using AkkaCharging.Host.Http;
using AkkaCharging.Journal;
using AkkaCharging.Metrics;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using Microsoft.OpenApi;

namespace AkkaCharging.Host.Admin;

/// <summary>A page of dead letters, newest first.</summary>
/// <param name="Next">The <c>cursor</c> of the next page; null after the last one.</param>
/// <param name="Damaged">Ids of dead letters of the page that cannot be read, and are left out.</param>
internal sealed record DeadLettersAnswer(
    [property: JsonRequired] IReadOnlyList<DeadLetterAnswer> DeadLetters,
    string? Next,
    IReadOnlyList<string> Damaged
);

/// <summary>A failed request that can be redriven.</summary>
/// <param name="DriverToken">The masked driver token.</param>
/// <param name="Destination">Scheme, host and port of the callback URL.</param>
/// <param name="Status">The decision; null when the request failed undecided.</param>
/// <param name="Attempts">Number of callback attempts so far, including those before a redrive.</param>
/// <param name="LastAttempt">The last callback attempt, which tells why the request failed; null when none was
/// made.</param>
/// <param name="AcceptedAt">When the request was accepted, in milliseconds since 1970, as all times here.</param>
internal sealed record DeadLetterAnswer(
    [Field(Pattern = Patterns.RequestId)] string RequestId,
    [Field(Format = "uuid")] string StationId,
    [Field(Pattern = Patterns.MaskedDriverToken)] string DriverToken,
    string Destination,
    [OneOf<AuthorizationStatusWords>] string? Status,
    int Attempts,
    OperatorAttemptAnswer? LastAttempt,
    long AcceptedAt,
    long SettledAt
);

/// <summary>A callback attempt as shown to operators.</summary>
/// <param name="HttpStatus">The status of the receiver's answer; null without an answer.</param>
/// <param name="Outcome">The outcome: <c>success</c>, <c>http_error</c>, <c>network_error</c>, <c>timeout</c> or
/// <c>blocked</c>.</param>
/// <param name="Cause">Why the attempt failed; null for a success, and for a failure recorded before causes were
/// stored.</param>
internal sealed record OperatorAttemptAnswer(
    long At,
    long DurationMs,
    int? HttpStatus,
    [OneOf<OutcomeWords>] string Outcome,
    [OneOf<CauseWords>] string? Cause
)
{
    internal static OperatorAttemptAnswer Of(CallbackAttempt attempt) =>
        new(
            attempt.At.ToUnixTimeMilliseconds(),
            (long)attempt.Duration.TotalMilliseconds,
            attempt.HttpStatus,
            attempt.Outcome.Name(),
            attempt.Cause?.Name()
        );
}

/// <summary>A page of requests, newest first.</summary>
/// <param name="Next">The <c>cursor</c> to continue with: a long search returns the matches found so far. Null at the
/// end.</param>
/// <param name="Damaged">Ids of matching requests that cannot be read, and are left out.</param>
internal sealed record RequestsAnswer(
    IReadOnlyList<FoundRequestAnswer> Requests,
    string? Next,
    IReadOnlyList<string> Damaged
);

/// <summary>A request in a list.</summary>
/// <param name="DriverToken">The masked driver token.</param>
/// <param name="TokenFingerprint">The fingerprint of the driver token, equal for all requests with the token.</param>
/// <param name="Destination">Scheme, host and port of the callback URL.</param>
/// <param name="Status">The decision; null while undecided.</param>
/// <param name="Attempts">Number of callback attempts so far, including those before a redrive.</param>
/// <param name="ApiKeyName">Name of the API key that submitted the request; null without one.</param>
/// <param name="AcceptedAt">When the request was accepted, in milliseconds since 1970, as all times here.</param>
internal sealed record FoundRequestAnswer(
    [Field(Pattern = Patterns.RequestId)] string RequestId,
    [Field(Format = "uuid")] string StationId,
    [Field(Pattern = Patterns.MaskedDriverToken)] string DriverToken,
    [Field(Pattern = Patterns.TokenFingerprint)] string TokenFingerprint,
    string Destination,
    string? ApiKeyName,
    [OneOf<RequestStateWords>] string State,
    [OneOf<AuthorizationStatusWords>] string? Status,
    [OneOf<DecisionReasonWords>] string? Reason,
    int Attempts,
    OperatorAttemptAnswer? LastAttempt,
    long AcceptedAt,
    long? DecidedAt,
    long? SettledAt
)
{
    internal static FoundRequestAnswer Of(RequestRecord record) =>
        new(
            RequestId: record.Id.ToString(),
            StationId: record.StationId,
            DriverToken: record.DriverTokenMasked,
            TokenFingerprint: Convert.ToHexStringLower(record.TokenFingerprint),
            Destination: record.Destination,
            ApiKeyName: record.ApiKeyName,
            State: record.State.Name(),
            Status: record.Decision?.Status.Name(),
            Reason: record.Decision?.Reason.Name(),
            Attempts: record.Attempts.Count,
            LastAttempt: record.Attempts is [.., var last] ? OperatorAttemptAnswer.Of(last) : null,
            AcceptedAt: record.AcceptedAt.ToUnixTimeMilliseconds(),
            DecidedAt: record.Decision?.DecidedAt.ToUnixTimeMilliseconds(),
            SettledAt: record.SettledAt?.ToUnixTimeMilliseconds()
        );
}

/// <summary>A request with its past and expected events.</summary>
/// <param name="Timeline">The events in chronological order; expected events come last.</param>
/// <param name="Party">The partner that decided, for example <c>NL-TNM</c>; null when none was named.</param>
/// <param name="Receiver">The receiver as this process sees it; null while no callback to it is pending here.</param>
internal sealed record RequestAnswer(
    FoundRequestAnswer Request,
    IReadOnlyList<TimelineAnswer> Timeline,
    string? Party,
    DestinationAnswer? Receiver
);

/// <summary>An event of a request.</summary>
/// <param name="Event"><c>accepted</c>, <c>decided</c>, <c>attempt</c> or a final state; expected: <c>next_attempt</c>
/// (at that time at the earliest) and <c>expiry</c>.</param>
/// <param name="DurationMs">How long the request waited for its decision, or the attempt took.</param>
/// <param name="Attempt">The callback attempt; null for other events.</param>
internal sealed record TimelineAnswer(
    long At,
    [OneOf("accepted", "decided", "attempt", "delivered", "failed", "expired", "next_attempt", "expiry")] string Event,
    long? DurationMs = null,
    OperatorAttemptAnswer? Attempt = null
);

/// <summary>The result of a change to one dead letter.</summary>
/// <param name="Status">The result: <c>redriven</c> or <c>discarded</c>.</param>
internal sealed record LetterChangeAnswer(
    [OneOf("redriven", "discarded")] [property: JsonRequired] string Status,
    [Field(Pattern = Patterns.RequestId)] string RequestId,
    long Timestamp
);

/// <summary>Selects the dead letters to redrive by all conditions that are set.</summary>
/// <param name="Destination">Scheme, host and port of the callback URL.</param>
/// <param name="From">Earliest time of the failure, inclusive: RFC 3339, or milliseconds since 1970.</param>
/// <param name="To">Latest time of the failure, exclusive.</param>
/// <param name="Cause">Cause of the last callback attempt.</param>
/// <param name="AcceptedFrom">Earliest time of acceptance, inclusive.</param>
/// <param name="AcceptedTo">Latest time of acceptance, exclusive.</param>
/// <param name="All">Confirms that every dead letter is meant; excludes all other conditions.</param>
/// <param name="Count">The number of dead letters that were confirmed; the redrive is rejected if another number
/// matches.</param>
[Closed]
internal sealed record BulkRedriveBody(
    [Optional] string? Destination,
    [Optional, Field(Type = JsonSchemaType.String | JsonSchemaType.Integer | JsonSchemaType.Null)] JsonElement? From,
    [Optional, Field(Type = JsonSchemaType.String | JsonSchemaType.Integer | JsonSchemaType.Null)] JsonElement? To,
    [Optional, OneOf<CauseWords>] string? Cause,
    [Optional, Field(Type = JsonSchemaType.String | JsonSchemaType.Integer | JsonSchemaType.Null)]
        JsonElement? AcceptedFrom,
    [Optional, Field(Type = JsonSchemaType.String | JsonSchemaType.Integer | JsonSchemaType.Null)]
        JsonElement? AcceptedTo,
    [Optional] bool? All,
    [Optional] long? Count
);

/// <summary>What a bulk redrive would send again.</summary>
/// <param name="To">Later failures are not counted. A redrive with this time and <paramref name="Matched"/> as
/// <c>count</c> redrives what was counted.</param>
/// <param name="Matched">Number of dead letters that match.</param>
/// <param name="LookedAt">Number of dead letters that the following figures are of: the newest 10,000 at most.</param>
/// <param name="Causes">Their number by the cause of the last attempt; <c>none</c> for dead letters without
/// one.</param>
/// <param name="Ages">Their number by the time since acceptance: <c>underAnHour</c>, <c>underADay</c> and
/// <c>older</c>.</param>
/// <param name="Expired">Number of those that are older than their time to be delivered in, which a redrive starts
/// again.</param>
internal sealed record RedrivePreviewAnswer(
    long To,
    long Matched,
    int LookedAt,
    IReadOnlyDictionary<string, int> Causes,
    IReadOnlyDictionary<string, int> Ages,
    int Expired
)
{
    internal static RedrivePreviewAnswer Of(RedrivePreview preview) =>
        new(
            preview.Query.To!.Value.ToUnixTimeMilliseconds(),
            preview.Matched,
            preview.LookedAt,
            preview.Causes.ToDictionary(StringComparer.Ordinal),
            new Dictionary<string, int>(StringComparer.Ordinal)
            {
                ["underAnHour"] = preview.UnderAnHour,
                ["underADay"] = preview.UnderADay,
                ["older"] = preview.LookedAt - preview.UnderAnHour - preview.UnderADay,
            },
            preview.Expired
        );
}

/// <summary>The progress of a bulk redrive of dead letters.</summary>
/// <param name="State">The state: <c>running</c>, <c>cancelling</c>, <c>cancelled</c>, <c>failed</c> or
/// <c>done</c>.</param>
/// <param name="To">Dead letters that failed at this time or later are not redriven; never later than the
/// start.</param>
/// <param name="Matched">Number of dead letters that matched at the start.</param>
/// <param name="PassedOver">Number of dead letters that were redriven or discarded separately, were deleted by
/// retention, or cannot be read or decrypted.</param>
/// <param name="Problem">The unexpected error that ended the redrive; null without one.</param>
internal sealed record BulkRedriveAnswer(
    [OneOf("running", "cancelling", "cancelled", "failed", "done")] [property: JsonRequired] string State,
    string? Destination,
    long? From,
    long To,
    [OneOf<CauseWords>] string? Cause,
    long? AcceptedFrom,
    long? AcceptedTo,
    long Matched,
    long Redriven,
    long PassedOver,
    long Remaining,
    long StartedAt,
    long? EndedAt,
    string? Problem
)
{
    internal static BulkRedriveAnswer Of(BulkProgress progress) =>
        new(
            State: progress switch
            {
                { IsRunning: true, IsCancelled: true } => "cancelling",
                { IsRunning: true } => "running",
                { Problem: not null } => "failed",
                { IsCancelled: true } => "cancelled",
                _ => "done",
            },
            Destination: progress.Query.Destination?.ToString(),
            From: progress.Query.From?.ToUnixTimeMilliseconds(),
            To: progress.Query.To!.Value.ToUnixTimeMilliseconds(),
            Cause: progress.Query.Cause?.Name(),
            AcceptedFrom: progress.Query.AcceptedFrom?.ToUnixTimeMilliseconds(),
            AcceptedTo: progress.Query.AcceptedTo?.ToUnixTimeMilliseconds(),
            Matched: progress.Matched,
            Redriven: progress.Redriven,
            PassedOver: progress.PassedOver,
            Remaining: progress.Remaining,
            StartedAt: progress.StartedAt.ToUnixTimeMilliseconds(),
            EndedAt: progress.EndedAt?.ToUnixTimeMilliseconds(),
            Problem: progress.Problem
        );
}

/// <summary>The cluster as seen by the answering node.</summary>
/// <param name="Enabled">Whether there is a cluster; false for a standalone process.</param>
internal sealed record ClusterAnswer(bool Enabled, IReadOnlyList<NodeAnswer> Nodes, IReadOnlyList<LaneAnswer> Lanes);

/// <summary>A node of the cluster.</summary>
/// <param name="Address">The address as <c>host:port</c>.</param>
/// <param name="Status">The status: <c>joining</c>, <c>up</c>, <c>leaving</c>, <c>exiting</c> or <c>down</c>.</param>
/// <param name="Self">Whether it is the answering node.</param>
internal sealed record NodeAnswer(string Address, [OneOf<MemberStatusWords>] string Status, bool Reachable, bool Self);

internal sealed class MemberStatusWords : IWords
{
    public static IEnumerable<string> All => Enum.GetNames<MemberStatus>().Select(status => status.ToLowerInvariant());
}

/// <summary>A lane of the cluster.</summary>
/// <param name="Holder">Process and machine of the holder; null when there is none.</param>
/// <param name="Here">Whether the answering node holds the lane.</param>
internal sealed record LaneAnswer(int Lane, string? Holder, bool Here, long? TakenAt);

/// <summary>
/// The receivers with pending callbacks and the paused ones, ordered by the number of pending requests.
/// </summary>
internal sealed record DestinationsAnswer([property: JsonRequired] IReadOnlyList<DestinationAnswer> Destinations);

/// <summary>A receiver of callbacks.</summary>
/// <param name="Breaker">The state of its circuit breaker: <c>closed</c>, <c>half_open</c> or <c>open</c>.</param>
/// <param name="PausedSince">When an operator paused it; null while it is not paused.</param>
/// <param name="Answering">Whether its standing is <c>proven</c>.</param>
/// <param name="Pending">Number of unsettled requests.</param>
/// <param name="InFlight">Number of attempts in flight.</param>
/// <param name="InFlightMax">Maximum number of attempts in flight at present.</param>
/// <param name="Waiting">Number of requests that wait for an attempt.</param>
/// <param name="Retrying">Number of requests in the retry lane.</param>
/// <param name="FailuresInARow">Number of failed attempts since its last answer.</param>
/// <param name="FailingSince">When the first of these attempts failed; null without one.</param>
/// <param name="Standing"><c>new</c>: not called yet, or its first call is younger than a second; <c>proven</c>: it
/// answers; <c>silent</c>: it has not answered for a second, or its breaker is not closed.</param>
/// <param name="NextProbeAt">When an open breaker starts its next probe; null otherwise.</param>
/// <param name="LastAttempt">The latest callback attempt that ended; null before the first.</param>
internal sealed record DestinationAnswer(
    string Destination,
    [OneOf<BreakerStateWords>] string Breaker,
    bool Paused,
    long? PausedSince,
    bool Answering,
    int Pending,
    int InFlight,
    int InFlightMax,
    int Waiting,
    int Retrying,
    int FailuresInARow,
    long? FailingSince,
    string Standing,
    long? NextProbeAt,
    OperatorAttemptAnswer? LastAttempt
)
{
    internal static DestinationAnswer Of(ReceiverStatus status) =>
        new(
            Destination: status.Key.ToString(),
            Breaker: status.Breaker.Name(),
            Paused: status.IsPaused,
            PausedSince: status.PausedSince?.ToUnixTimeMilliseconds(),
            Answering: status.Standing == Receivers.Standing.Proven,
            Pending: status.Pending,
            InFlight: status.InFlight,
            InFlightMax: status.InFlightMax,
            Waiting: status.Waiting,
            Retrying: status.Retrying,
            FailuresInARow: status.FailuresInARow,
            FailingSince: status.FailingSince?.ToUnixTimeMilliseconds(),
            Standing: status.Standing.Name(),
            NextProbeAt: status.ProbeAt?.ToUnixTimeMilliseconds(),
            LastAttempt: status.LastAttempt is { } last ? OperatorAttemptAnswer.Of(last) : null
        );
}

/// <summary>Names the destination to pause or resume.</summary>
/// <param name="Destination">Scheme, host and port of the destination.</param>
[Closed]
internal sealed record DestinationBody(string? Destination);

/// <summary>The result of a change to one destination.</summary>
/// <param name="Status">The result: <c>paused</c> or <c>resumed</c>.</param>
/// <param name="Destination">The destination in its normal form.</param>
internal sealed record DestinationChangeAnswer(
    [OneOf("paused", "resumed")] [property: JsonRequired] string Status,
    string Destination,
    long Timestamp
);

/// <summary>An overview of the service.</summary>
/// <param name="Pending">Number of accepted, unsettled requests.</param>
/// <param name="Capacity">Maximum number of pending requests: <c>queue.maxSize</c>.</param>
/// <param name="DegradedAbove">The share of the capacity above which the component <c>queue</c> is degraded.</param>
/// <param name="OldestPendingMs">Age of the oldest pending request; 0 if none is pending.</param>
/// <param name="AuthorizationsInFlight">Number of authorizer calls in progress.</param>
/// <param name="CallbacksInFlight">Number of callback attempts in flight.</param>
/// <param name="Breaker">The state of the authorizer's breaker: <c>closed</c>, <c>half_open</c> or <c>open</c>.</param>
/// <param name="Partners">The authorization back ends in the order in which they are asked.</param>
/// <param name="Receivers">The number of remembered receivers by standing.</param>
/// <param name="Backlog">Number of requests of an earlier process that have not been resumed yet.</param>
/// <param name="WindowSeconds">The length of the window of <paramref name="Decisions"/> and
/// <paramref name="Callbacks"/>.</param>
/// <param name="Decisions">Decisions in the window, where those that ended <c>unknown</c> count as failed; null when
/// the metrics actor does not answer.</param>
/// <param name="Callbacks">Callback attempts in the window, without those of redriven requests; null when the metrics
/// actor does not answer.</param>
/// <param name="DeadLetters">Number of dead letters, as counted some seconds ago; null before the first count.</param>
/// <param name="Redrive">The latest bulk redrive of dead letters; null before the first.</param>
internal sealed record OverviewAnswer(
    string Version,
    long Timestamp,
    HealthAnswer Health,
    long Pending,
    int Capacity,
    double DegradedAbove,
    long OldestPendingMs,
    int AuthorizationsInFlight,
    int CallbacksInFlight,
    [OneOf<BreakerStateWords>] string Breaker,
    IReadOnlyList<PartnerAnswer> Partners,
    ReceiversAnswer Receivers,
    long Backlog,
    int WindowSeconds,
    RateAnswer? Decisions,
    RateAnswer? Callbacks,
    long? DeadLetters,
    BulkRedriveAnswer? Redrive
);

/// <summary>An authorization back end.</summary>
/// <param name="InFlight">Number of questions in progress.</param>
/// <param name="Answers">Number of questions that ended since the start, by reason.</param>
/// <param name="Problem">What an operator has to correct before it can answer; null for nothing.</param>
internal sealed record PartnerAnswer(
    string Name,
    [OneOf<BreakerStateWords>] string Breaker,
    int InFlight,
    IReadOnlyDictionary<string, long> Answers,
    string? Problem
)
{
    internal static PartnerAnswer Of(PartnerStatus partner, IEnumerable<PartnerAnswers> answers) =>
        new(
            partner.Name,
            partner.Breaker.Name(),
            partner.InFlight,
            answers
                .Where(answer => answer.Count > 0 && answer.Name.Equals(partner.Name, StringComparison.Ordinal))
                .ToDictionary(answer => answer.Reason.Name(), answer => answer.Count, StringComparer.Ordinal),
            partner.Misconfiguration
        );
}

/// <summary>The number of receivers by standing.</summary>
/// <param name="Away">Number of receivers whose circuit breaker is not closed, so that callbacks to them wait.</param>
internal sealed record ReceiversAnswer(int New, int Proven, int Silent, int Away)
{
    internal static ReceiversAnswer Of(ReceiverCounts counts) =>
        new(counts.New, counts.Proven, counts.Silent, counts.BreakersOpen);
}

/// <summary>The number of events in the window, and of failures among them.</summary>
internal sealed record RateAnswer(long Total, long Failed);

/// <summary>The last hour of the answering process; it is kept in memory only.</summary>
/// <param name="Points">The points, one a minute, oldest first. The last one is of the minute that is not over.</param>
internal sealed record HistoryAnswer(IReadOnlyList<HistoryPointAnswer> Points);

/// <summary>What happened in one interval.</summary>
/// <param name="At">Its end, in milliseconds since 1970.</param>
/// <param name="DurationMs">How long it lasted.</param>
/// <param name="Accepted">Number of submissions that were accepted.</param>
/// <param name="Rejected">Number of submissions that were rejected, for whatever reason.</param>
/// <param name="Pending">Number of pending requests at its end.</param>
/// <param name="Accept">How long it took to accept a submission; null without one.</param>
/// <param name="EndToEnd">Time from acceptance to settlement, without redriven requests; null without one.</param>
internal sealed record HistoryPointAnswer(
    long At,
    long DurationMs,
    long Accepted,
    long Rejected,
    long Delivered,
    long Failed,
    long Expired,
    long Pending,
    PercentilesAnswer? Accept,
    PercentilesAnswer? EndToEnd
)
{
    internal static HistoryPointAnswer Of(HistoryPoint point) =>
        new(
            point.EndedAt.ToUnixTimeMilliseconds(),
            (long)point.Length.TotalMilliseconds,
            point.Accepted,
            point.Rejected,
            point.Delivered,
            point.Failed,
            point.Expired,
            point.Pending,
            PercentilesAnswer.Of(point.Accept),
            PercentilesAnswer.Of(point.EndToEnd)
        );
}

/// <summary>The median and the 99th percentile of durations.</summary>
internal sealed record PercentilesAnswer(double P50Ms, double P99Ms)
{
    internal static PercentilesAnswer? Of(Percentiles? percentiles) =>
        percentiles is null ? null : new(percentiles.P50, percentiles.P99);
}

/// <summary>The latest changes that operators made on the answering process, newest first.</summary>
/// <param name="Actions">At most 100, kept in memory only; event 1301 of the log is the lasting record.</param>
internal sealed record ActionsAnswer(IReadOnlyList<ActionAnswer> Actions);

/// <summary>A change that an operator made or tried to make.</summary>
/// <param name="Operator">A name of <c>management.operators</c>, <c>token</c> for <c>management.token</c>, or
/// <c>loopback</c>.</param>
/// <param name="Remote">The address that the change came from.</param>
/// <param name="Result">What came of it, for example <c>redriven</c> or <c>conflict</c>.</param>
internal sealed record ActionAnswer(
    long At,
    string Operator,
    string? Remote,
    string Action,
    string Target,
    string Result
);

/// <summary>The settings in effect.</summary>
internal sealed record SettingsAnswer(IReadOnlyList<SettingAnswer> Settings);

/// <summary>A setting in effect.</summary>
/// <param name="Value">The value as written; <c>(secret)</c> for a secret.</param>
/// <param name="Origin">File and line, or environment variable.</param>
internal sealed record SettingAnswer(string Path, string Value, string Origin);

/// <summary>Serializers for every body of the operators' API, generated at build time.</summary>
/// <remarks>
/// A misspelt or duplicate field is rejected: with an ignored filter, a redrive could match more than was meant.
/// </remarks>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false
)]
[JsonSerializable(typeof(ClusterAnswer))]
[JsonSerializable(typeof(DeadLettersAnswer))]
[JsonSerializable(typeof(RequestsAnswer))]
[JsonSerializable(typeof(RequestAnswer))]
[JsonSerializable(typeof(LetterChangeAnswer))]
[JsonSerializable(typeof(BulkRedriveBody))]
[JsonSerializable(typeof(BulkRedriveAnswer))]
[JsonSerializable(typeof(RedrivePreviewAnswer))]
[JsonSerializable(typeof(DestinationsAnswer))]
[JsonSerializable(typeof(DestinationBody))]
[JsonSerializable(typeof(DestinationChangeAnswer))]
[JsonSerializable(typeof(OverviewAnswer))]
[JsonSerializable(typeof(HistoryAnswer))]
[JsonSerializable(typeof(ActionsAnswer))]
[JsonSerializable(typeof(SettingsAnswer))]
[JsonSerializable(typeof(SettingAnswer))]
internal sealed partial class AdminJson : JsonSerializerContext;
