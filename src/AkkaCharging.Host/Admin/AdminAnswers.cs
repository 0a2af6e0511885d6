using System.Text.Json;
using System.Text.Json.Serialization;
using Akka.Cluster;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.DeadLetters;
using AkkaCharging.Host.Health;
using AkkaCharging.Host.Http;
using AkkaCharging.Journal;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using Microsoft.OpenApi;

namespace AkkaCharging.Host.Admin;

/// <summary>Dead letters, newest first.</summary>
/// <param name="Next">The <c>cursor</c> of the next page; null after the last one.</param>
internal sealed record DeadLettersAnswer(IReadOnlyList<DeadLetterAnswer> DeadLetters, string? Next);

/// <summary>One request that failed and can be redriven.</summary>
/// <param name="DriverToken">Masked.</param>
/// <param name="Destination">Scheme, host and port of the callback URL.</param>
/// <param name="Status">What was decided; null when it failed undecided.</param>
/// <param name="Attempts">Callback attempts so far, those before a redrive included.</param>
/// <param name="LastAttempt">Why it failed; null when no attempt was made.</param>
/// <param name="AcceptedAt">Milliseconds since 1970, as all times here.</param>
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

/// <summary>One callback attempt as operators see it.</summary>
/// <param name="HttpStatus">Null when the receiver did not answer.</param>
/// <param name="Outcome"><c>success</c>, <c>http_error</c>, <c>network_error</c>, <c>timeout</c> or
/// <c>blocked</c>.</param>
/// <param name="Cause">Why it failed; null for a success, and for a failure of before causes were kept.</param>
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

/// <summary>Requests, newest first.</summary>
/// <param name="Next">The <c>cursor</c> to go on with: a search that takes long returns what it has found by then. Null
/// at the end.</param>
internal sealed record RequestsAnswer(IReadOnlyList<FoundRequestAnswer> Requests, string? Next);

/// <summary>One request in a list.</summary>
/// <param name="DriverToken">Masked.</param>
/// <param name="TokenFingerprint">The same for every request of a driver token.</param>
/// <param name="Destination">Scheme, host and port of the callback URL.</param>
/// <param name="Status">What was decided; null while undecided.</param>
/// <param name="Attempts">Callback attempts so far, those before a redrive included.</param>
/// <param name="ApiKeyName">Name of the API key that submitted it; null without one.</param>
/// <param name="AcceptedAt">Milliseconds since 1970, as all times here.</param>
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

/// <summary>One request, what happened to it, and what is to come.</summary>
/// <param name="Timeline">In order of time; what is still to come is at the end.</param>
/// <param name="Party">The partner that decided, such as <c>NL-TNM</c>; null when none was named.</param>
/// <param name="Receiver">Its receiver as this process sees it; null while no callback to it is pending here.</param>
internal sealed record RequestAnswer(
    FoundRequestAnswer Request,
    IReadOnlyList<TimelineAnswer> Timeline,
    string? Party,
    DestinationAnswer? Receiver
);

/// <summary>One event of a request.</summary>
/// <param name="Event"><c>accepted</c>, <c>decided</c>, <c>attempt</c>, a final state; to come: <c>next_attempt</c> (at
/// that time at the earliest) and <c>expiry</c>.</param>
/// <param name="DurationMs">How long the request waited for its decision, or the attempt took.</param>
/// <param name="Attempt">How the callback attempt ended; null for other events.</param>
internal sealed record TimelineAnswer(
    long At,
    [OneOf("accepted", "decided", "attempt", "delivered", "failed", "expired", "next_attempt", "expiry")] string Event,
    long? DurationMs = null,
    OperatorAttemptAnswer? Attempt = null
);

/// <summary>What was done to one dead letter.</summary>
/// <param name="Status"><c>redriven</c> or <c>discarded</c>.</param>
internal sealed record LetterChangeAnswer(
    [OneOf("redriven", "discarded")] string Status,
    [Field(Pattern = Patterns.RequestId)] string RequestId,
    long Timestamp
);

/// <summary>Which dead letters to redrive: those that match all that is given.</summary>
/// <param name="Destination">Scheme, host and port.</param>
/// <param name="From">Failed then or later: RFC 3339, or milliseconds since 1970.</param>
/// <param name="To">Failed earlier.</param>
/// <param name="All">Says explicitly that no filter is meant.</param>
[Closed]
internal sealed record BulkRedriveBody(
    [Optional] string? Destination,
    [Optional, Field(Type = JsonSchemaType.String | JsonSchemaType.Integer | JsonSchemaType.Null)] JsonElement? From,
    [Optional, Field(Type = JsonSchemaType.String | JsonSchemaType.Integer | JsonSchemaType.Null)] JsonElement? To,
    [Optional] bool? All
);

/// <summary>How the redrive of many stands.</summary>
/// <param name="State"><c>running</c>, <c>cancelling</c>, <c>cancelled</c>, <c>failed</c> or <c>done</c>.</param>
/// <param name="To">None that failed later is redriven: at the latest the time of the start.</param>
/// <param name="Matched">Dead letters that matched at the start.</param>
/// <param name="PassedOver">Those that somebody else redrove or discarded meanwhile, that retention forgot, or that
/// cannot be decrypted.</param>
/// <param name="Problem">The defect that ended it; null without one.</param>
internal sealed record BulkRedriveAnswer(
    [OneOf("running", "cancelling", "cancelled", "failed", "done")] string State,
    string? Destination,
    long? From,
    long To,
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
            Matched: progress.Matched,
            Redriven: progress.Redriven,
            PassedOver: progress.PassedOver,
            Remaining: progress.Remaining,
            StartedAt: progress.StartedAt.ToUnixTimeMilliseconds(),
            EndedAt: progress.EndedAt?.ToUnixTimeMilliseconds(),
            Problem: progress.Problem
        );
}

/// <summary>The cluster as this node sees it.</summary>
/// <param name="Enabled">False for a process that runs alone.</param>
internal sealed record ClusterAnswer(bool Enabled, IReadOnlyList<NodeAnswer> Nodes, IReadOnlyList<LaneAnswer> Lanes);

/// <summary>One node.</summary>
/// <param name="Address"><c>host:port</c>.</param>
/// <param name="Status"><c>joining</c>, <c>up</c>, <c>leaving</c>, <c>exiting</c> or <c>down</c>.</param>
/// <param name="Self">Whether it is the one that answers.</param>
internal sealed record NodeAnswer(string Address, [OneOf<MemberStatusWords>] string Status, bool Reachable, bool Self);

internal sealed class MemberStatusWords : IWords
{
    public static IEnumerable<string> All => Enum.GetNames<MemberStatus>().Select(status => status.ToLowerInvariant());
}

/// <summary>One lane.</summary>
/// <param name="Holder">Process and machine; null while nobody holds it.</param>
/// <param name="Here">Whether it is the node that answers.</param>
internal sealed record LaneAnswer(int Lane, string? Holder, bool Here, long? TakenAt);

/// <summary>
/// The receivers that callbacks are pending for, and those that are paused; those with most pending first.
/// </summary>
internal sealed record DestinationsAnswer(IReadOnlyList<DestinationAnswer> Destinations);

/// <summary>One receiver.</summary>
/// <param name="Breaker"><c>closed</c>, <c>half_open</c> or <c>open</c>.</param>
/// <param name="Answering">Whether its standing is <c>proven</c>.</param>
/// <param name="Pending">Requests that are not settled.</param>
/// <param name="InFlight">Attempts under way.</param>
/// <param name="InFlightMax">How many it may have under way at present.</param>
/// <param name="Waiting">Requests that wait for an attempt.</param>
/// <param name="Retrying">Requests in the retry lane.</param>
/// <param name="FailuresInARow">Failed attempts since its last answer.</param>
/// <param name="FailingSince">When the first of them was; null without one.</param>
/// <param name="Standing"><c>new</c>: not called yet, or its first call is younger than a second; <c>proven</c>: it
/// answers; <c>silent</c>: it has not answered for a second, or its breaker is not closed.</param>
/// <param name="NextProbeAt">When an open breaker lets its next probe go; null otherwise.</param>
/// <param name="LastAttempt">The callback attempt that ended last; null before the first.</param>
internal sealed record DestinationAnswer(
    string Destination,
    [OneOf<BreakerStateWords>] string Breaker,
    bool Paused,
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

/// <summary>Which destination to pause or resume.</summary>
/// <param name="Destination">Scheme, host and port.</param>
[Closed]
internal sealed record DestinationBody(string? Destination);

/// <summary>What was done to one destination.</summary>
/// <param name="Status"><c>paused</c> or <c>resumed</c>.</param>
/// <param name="Destination">In its normal form.</param>
internal sealed record DestinationChangeAnswer(
    [OneOf("paused", "resumed")] string Status,
    string Destination,
    long Timestamp
);

/// <summary>How the service is at a glance.</summary>
/// <param name="Pending">Requests accepted and not settled.</param>
/// <param name="Capacity">How many may be: <c>queue.maxSize</c>.</param>
/// <param name="DegradedAbove">The share of it above which the component <c>queue</c> is degraded.</param>
/// <param name="OldestPendingMs">Age of the oldest of them; 0 without any.</param>
/// <param name="AuthorizationsInFlight">Calls of the authorizer that wait for an answer.</param>
/// <param name="CallbacksInFlight">Callback attempts that wait for an answer.</param>
/// <param name="Breaker">The authorizer's: <c>closed</c>, <c>half_open</c> or <c>open</c>.</param>
/// <param name="Partners">The back ends of the authorization, in the order in which they are asked.</param>
/// <param name="Receivers">Receivers that are remembered, by what is known of them.</param>
/// <param name="Backlog">Requests of an earlier process that are not taken up yet.</param>
/// <param name="WindowSeconds">What <paramref name="Decisions"/> and <paramref name="Callbacks"/> are over.</param>
/// <param name="Decisions">Failed are those that ended <c>unknown</c>; null when the metrics actor does not
/// answer.</param>
/// <param name="Callbacks">Attempts, without those of redriven requests; null when the metrics actor does not
/// answer.</param>
/// <param name="DeadLetters">As counted some seconds ago; null before the first count.</param>
/// <param name="Redrive">The last redrive of many; null before the first.</param>
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

/// <summary>A back end of the authorization.</summary>
/// <param name="InFlight">Questions that wait for an answer.</param>
/// <param name="Answers">Questions that ended since the start, by reason.</param>
/// <param name="Problem">What has to be mended before it can answer; null for nothing.</param>
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

/// <summary>How many receivers there are.</summary>
/// <param name="Away">Those whose circuit breaker is not closed: callbacks to them wait.</param>
internal sealed record ReceiversAnswer(int New, int Proven, int Silent, int Away)
{
    internal static ReceiversAnswer Of(ReceiverCounts counts) =>
        new(counts.New, counts.Proven, counts.Silent, counts.BreakersOpen);
}

/// <summary>What happened within the window.</summary>
internal sealed record RateAnswer(long Total, long Failed);

/// <summary>The settings in effect.</summary>
internal sealed record SettingsAnswer(IReadOnlyList<SettingAnswer> Settings);

/// <summary>One setting.</summary>
/// <param name="Value">As written; <c>(secret)</c> for a secret.</param>
/// <param name="Origin">File and line, or environment variable.</param>
internal sealed record SettingAnswer(string Path, string Value, string Origin);

/// <summary>Serializers for every body of the operators' API, generated at build time.</summary>
/// <remarks>
/// A field that is misspelt or given twice is refused: a filter that was not understood would let a redrive match more
/// than was meant.
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
[JsonSerializable(typeof(DestinationsAnswer))]
[JsonSerializable(typeof(DestinationBody))]
[JsonSerializable(typeof(DestinationChangeAnswer))]
[JsonSerializable(typeof(OverviewAnswer))]
[JsonSerializable(typeof(SettingsAnswer))]
[JsonSerializable(typeof(SettingAnswer))]
internal sealed partial class AdminJson : JsonSerializerContext;
