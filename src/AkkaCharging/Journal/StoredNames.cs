using System.Diagnostics;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>
/// Converts values that a database stores as text. Names are stored instead of numbers, so that any tool can read a
/// row.
/// </summary>
internal static class StoredNames
{
    private static readonly Dictionary<string, RequestState> States = Enum.GetValues<RequestState>()
        .ToDictionary(StateNames.Name, StringComparer.Ordinal);
    private static readonly Dictionary<string, CallbackOutcome> Outcomes = Enum.GetValues<CallbackOutcome>()
        .ToDictionary(CallbackNames.Name, StringComparer.Ordinal);
    private static readonly Dictionary<string, AttemptCause> Causes = Enum.GetValues<AttemptCause>()
        .ToDictionary(AttemptCauses.Name, StringComparer.Ordinal);
    private static readonly Dictionary<string, DecisionReason> Reasons = Enum.GetValues<DecisionReason>()
        .ToDictionary(DecisionNames.Name, StringComparer.Ordinal);
    private static readonly Dictionary<string, AuthorizationStatus> Statuses = Enum.GetValues<AuthorizationStatus>()
        .ToDictionary(DecisionNames.Name, StringComparer.Ordinal);

    /// <summary>
    /// Maximum number of attempts that a redrive keeps, so that repeated redrives do not grow a letter without bound.
    /// </summary>
    public const int AttemptsKept = 100;

    public static RequestState State(string name) => States[name];

    /// <summary>Returns the state of a deleted request; a damaged one counts as failed.</summary>
    public static RequestState StateOfDeleted(string? name) =>
        States.GetValueOrDefault(name ?? "", RequestState.Failed);

    public static AuthorizationStatus Status(string name) => Statuses[name];

    /// <param name="reason">The stored reason; an unknown one of a later version is read as the nearest known
    /// one.</param>
    public static Decision Decision(string status, string reason, long decidedAt, AuthorizationDetails? details) =>
        new(
            Statuses[status],
            Reasons.TryGetValue(reason, out var known) ? known : NearestReason(Statuses[status]),
            Time(decidedAt),
            details
        );

    /// <summary>
    /// Converts stored ticks to a time. Times are stored as .NET ticks (100 ns), so that they are read exactly as
    /// written.
    /// </summary>
    public static DateTimeOffset Time(long ticks) => new(ticks, TimeSpan.Zero);

    /// <summary>
    /// Formats an attempt for the column of attempts: <c>ticks,duration ticks,HTTP status,outcome,cause;</c>.
    /// </summary>
    /// <remarks>Versions without causes wrote four fields, and ignore the fifth when they read.</remarks>
    public static string Attempt(CallbackAttempt attempt) =>
        $"{attempt.At.UtcTicks},{attempt.Duration.Ticks},{attempt.HttpStatus},{attempt.Outcome.Name()}"
        + $"{(attempt.Cause is { } cause ? $",{cause.Name()}" : "")};";

    public static CallbackAttempt[] Attempts(string text) =>
        [
            .. text.Split(';', StringSplitOptions.RemoveEmptyEntries)
                .Select(attempt => attempt.Split(','))
                .Select(parts => new CallbackAttempt(
                    Time(long.Parse(parts[0])),
                    TimeSpan.FromTicks(long.Parse(parts[1])),
                    parts[2].Length > 0 ? int.Parse(parts[2]) : null,
                    Outcomes[parts[3]],
                    Cause(parts)
                )),
        ];

    /// <summary>
    /// The LIKE pattern for attempts of which the last has the cause <paramref name="cause"/>; null for any.
    /// </summary>
    public static string? AttemptsLike(AttemptCause? cause) => cause is { } last ? $"%,{last.Name()};" : null;

    private static DecisionReason NearestReason(AuthorizationStatus status) =>
        status switch
        {
            AuthorizationStatus.Allowed => DecisionReason.Authorized,
            AuthorizationStatus.NotAllowed => DecisionReason.NotInAcl,
            _ => DecisionReason.AuthorizerError,
        };

    // An unknown cause of a later version is ignored, because the row is not damaged.
    private static AttemptCause? Cause(string[] parts) =>
        parts.Length > 4 && Causes.TryGetValue(parts[4], out var cause) ? cause : null;

    /// <summary>Returns the last attempts in <paramref name="text"/>, up to the number that a redrive keeps.</summary>
    public static string NewestAttempts(string text) =>
        string.Concat(Attempts(text).TakeLast(AttemptsKept).Select(Attempt));

    /// <summary>
    /// Formats a trace as in W3C Trace Context: <c>traceparent</c>, and <c>tracestate</c> after a space; null without a
    /// trace.
    /// </summary>
    public static string? Trace(ActivityContext trace) =>
        trace == default
            ? null
            : $"00-{trace.TraceId}-{trace.SpanId}-{(int)trace.TraceFlags:x2} {trace.TraceState}".TrimEnd();

    public static ActivityContext Trace(string? text) =>
        text is not null
        && ActivityContext.TryParse(text.Split(' ', 2)[0], text.Split(' ', 2).ElementAtOrDefault(1), out var trace)
            ? trace
            : default;
}
