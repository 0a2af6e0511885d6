using AkkaCharging.Requests;

namespace AkkaCharging.Authorization;

/// <summary>The answer of an authorizer: yes, no with a reason, or none.</summary>
/// <remarks>The default value is no answer, so that an answer that was never set does not permit charging.</remarks>
public readonly record struct AuthorizerAnswer
{
    private readonly bool _isAnswer;
    private readonly DecisionReason _reason;
    private readonly AuthorizerUnavailableException? _failure;

    private AuthorizerAnswer(DecisionReason reason) => (_isAnswer, _reason) = (true, reason);

    private AuthorizerAnswer(AuthorizerUnavailableException failure) => _failure = failure;

    /// <summary>A yes of the access list, recorded as <c>in_acl</c>.</summary>
    internal static AuthorizerAnswer AllowedByList { get; } = new(DecisionReason.InAcl);

    /// <summary>Why the authorizer gave no answer; null when it gave one.</summary>
    internal AuthorizerUnavailableException? Failure =>
        _isAnswer
            ? null
            : _failure ?? new AuthorizerUnavailableException("the authorizer returned no answer", isTransient: false);

    /// <summary>The reason of the answer, if there is one.</summary>
    internal DecisionReason Reason => _reason;

    /// <summary>Further details from the authorizer, cut to their bounds; null for none.</summary>
    internal AuthorizationDetails? Details { get; private init; }

    /// <summary>The status of the answer, if there is one.</summary>
    internal AuthorizationStatus Status =>
        _reason is DecisionReason.InAcl or DecisionReason.Authorized
            ? AuthorizationStatus.Allowed
            : AuthorizationStatus.NotAllowed;

    /// <summary>The driver may charge. The decision is <c>allowed</c> with the reason <c>authorized</c>.</summary>
    public static AuthorizerAnswer Allow() => new(DecisionReason.Authorized);

    /// <summary>
    /// The driver may not charge. The decision is <c>not_allowed</c>, and the circuit breaker counts no failure.
    /// </summary>
    /// <param name="reason">Why the driver may not charge.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="reason"/> is not a member of
    /// <see cref="DenialReason"/>.</exception>
    public static AuthorizerAnswer Deny(DenialReason reason) =>
        new(
            reason switch
            {
                DenialReason.UnknownToken => DecisionReason.NotInAcl,
                DenialReason.Blocked => DecisionReason.Blocked,
                DenialReason.Expired => DecisionReason.Expired,
                DenialReason.StationNotAllowed => DecisionReason.StationNotAllowed,
                DenialReason.NoCredit => DecisionReason.NoCredit,
                DenialReason.ConcurrentSession => DecisionReason.ConcurrentSession,
                _ => throw new ArgumentOutOfRangeException(
                    nameof(reason),
                    reason,
                    "Expected a member of DenialReason."
                ),
            }
        );

    /// <summary>
    /// The authorizer gave no answer. The circuit breaker counts a failure, and the decision is <c>unknown</c> with
    /// <c>authorizer_error</c>.
    /// </summary>
    /// <param name="why">What was tried and what came back, for the log. Must not contain the driver token.</param>
    /// <param name="isTransient">Whether an immediate retry may succeed: the call is then retried within its
    /// time-out.</param>
    /// <param name="cause">The underlying error, if there is one.</param>
    public static AuthorizerAnswer NoAnswer(string why, bool isTransient = false, Exception? cause = null) =>
        new(new AuthorizerUnavailableException(why, isTransient, cause));

    /// <summary>
    /// The partner answered, but rejected the question, because credentials, address or query are wrong and an
    /// operator has to correct them. The decision is <c>unknown</c> with <c>authorizer_error</c>, and the circuit
    /// breaker counts no failure.
    /// </summary>
    /// <param name="why">What has to be corrected, for the log. Must not contain the driver token.</param>
    internal static AuthorizerAnswer Misconfigured(string why) =>
        new(new AuthorizerUnavailableException(why, isTransient: false) { IsFault = false });

    /// <summary>
    /// The partner cannot process a value of this question, but can answer others. The decision is <c>unknown</c> with
    /// <c>authorizer_error</c>, and the circuit breaker counts no failure.
    /// </summary>
    /// <param name="why">What the partner said, for the log. Must not contain the driver token.</param>
    internal static AuthorizerAnswer Refused(string why) => Misconfigured(why);

    /// <summary>Returns the same answer with further details from the authorizer.</summary>
    /// <param name="details">The details, which are cut to their bounds and ignored when there is no answer.</param>
    public AuthorizerAnswer With(AuthorizationDetails details)
    {
        ArgumentNullException.ThrowIfNull(details);
        return this with { Details = details.Bounded() };
    }
}

/// <summary>Why a driver may not charge.</summary>
public enum DenialReason
{
    /// <summary>The authorizer does not know the token. Recorded as <c>not_in_acl</c>.</summary>
    UnknownToken,

    /// <summary>The token is blocked. Recorded as <c>blocked</c>.</summary>
    Blocked,

    /// <summary>The token is not yet or no longer valid. Recorded as <c>expired</c>.</summary>
    Expired,

    /// <summary>The token is not valid at this station. Recorded as <c>station_not_allowed</c>.</summary>
    StationNotAllowed,

    /// <summary>The driver's account has no credit. Recorded as <c>no_credit</c>.</summary>
    NoCredit,

    /// <summary>
    /// The token is in use in another charging session and may not charge twice. Recorded as <c>concurrent_session</c>.
    /// </summary>
    ConcurrentSession,
}

/// <summary>The authorizer gave no answer.</summary>
/// <param name="message">What was tried and what came back. Must not contain the driver token.</param>
/// <param name="isTransient">Whether an immediate retry may succeed.</param>
/// <param name="innerException">The underlying error, if there is one.</param>
internal sealed class AuthorizerUnavailableException(string message, bool isTransient, Exception? innerException = null)
    : Exception(message, innerException)
{
    /// <summary>Whether an immediate retry may succeed.</summary>
    public bool IsTransient { get; } = isTransient;

    /// <summary>Whether the call timed out: the decision is then <see cref="DecisionReason.Timeout"/>.</summary>
    public bool IsTimeout { get; init; }

    /// <summary>Whether the circuit breaker counts this as a failure.</summary>
    public bool IsFault { get; init; } = true;
}
