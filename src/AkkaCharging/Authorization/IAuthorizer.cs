using AkkaCharging.Requests;

namespace AkkaCharging.Authorization;

/// <summary>Answers whether a driver may charge at a station. The port for authorization back ends: one class, one line of registration.</summary>
/// <remarks>
/// Errors: "no" is an answer. An exception means that no answer could be had: it counts for the circuit breaker and, when it is an
/// <see cref="AuthorizerUnavailableException"/> marked transient, is retried.
/// Calls run side by side, up to <c>authorization.parallelism</c>; a call that outlives <c>authorization.timeoutMillis</c> is cancelled and its answer discarded.
/// </remarks>
public interface IAuthorizer
{
    /// <summary>Answers <paramref name="query"/>.</summary>
    ValueTask<AuthorizerAnswer> AuthorizeAsync(AuthorizationQuery query, CancellationToken cancellationToken);
}

/// <summary>What an authorizer is asked.</summary>
public sealed record AuthorizationQuery(RequestId RequestId, StationId Station, DriverToken Token);

/// <summary>What an authorizer answers.</summary>
/// <param name="IsAllowed">Yes or no.</param>
/// <param name="Reason">Why; one of <see cref="DecisionReason"/>'s first five.</param>
public readonly record struct AuthorizerAnswer(bool IsAllowed, DecisionReason Reason)
{
    /// <summary>The plain yes.</summary>
    public static readonly AuthorizerAnswer Allowed = new(true, DecisionReason.InAcl);

    /// <summary>No, and why.</summary>
    public static AuthorizerAnswer NotAllowed(DecisionReason reason) => new(false, reason);
}

/// <summary>No answer could be had from the authorizer.</summary>
/// <param name="message">What was tried and what came back; carries no token.</param>
/// <param name="isTransient">Whether asking again at once may help.</param>
public sealed class AuthorizerUnavailableException(string message, bool isTransient, Exception? innerException = null) : Exception(message, innerException)
{
    /// <summary>Whether asking again at once may help.</summary>
    public bool IsTransient { get; } = isTransient;
}
