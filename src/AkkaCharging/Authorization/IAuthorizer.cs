using AkkaCharging.Requests;

namespace AkkaCharging.Authorization;

/// <summary>Answers whether a driver may charge at a station: the port for authorization back ends.</summary>
/// <remarks>
/// Implement it in a program of your own and register it with <c>ChargingApp.RunAsync</c>; <c>docs/authorizers.md</c>
/// has the steps. Calls run side by side, up to <c>authorization.parallelism</c>, so an implementation must be safe for
/// concurrent use. A call that outlives <c>authorization.timeoutMillis</c> is cancelled, and its answer is discarded.
/// Errors: an exception means that there is no answer, as <see cref="AuthorizerAnswer.NoAnswer"/> does. The log carries
/// its message, so a message must not contain the driver token.
/// </remarks>
public interface IAuthorizer
{
    /// <summary>Answers <paramref name="query"/>.</summary>
    /// <param name="query">Who wants to charge where.</param>
    /// <param name="cancellationToken">Cancelled when nobody waits for the answer any more.</param>
    ValueTask<AuthorizerAnswer> AuthorizeAsync(AuthorizationQuery query, CancellationToken cancellationToken);
}

/// <summary>The question to an authorizer.</summary>
/// <param name="RequestId">Identifies the accepted request; the same in logs, traces and the callback's
/// <c>webhook-id</c>.</param>
/// <param name="Station">The charging station.</param>
/// <param name="Token">The driver's token as the caller wrote it, a secret.</param>
public sealed record AuthorizationQuery(RequestId RequestId, StationId Station, DriverToken Token)
{
    /// <summary>Whom the token stands for: what is to be looked up.</summary>
    public TokenIdentity Identity { get; init; } = new(Token.Secret);

    /// <summary>What partners call the station; null without a row of <c>authorization.stationsFile</c>.</summary>
    public StationMapping? Mapping { get; init; }
}
