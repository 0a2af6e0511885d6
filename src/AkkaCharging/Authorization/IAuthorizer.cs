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
    /// <param name="query">The driver's token and the station.</param>
    /// <param name="cancellationToken">Cancelled when the answer is no longer awaited.</param>
    ValueTask<AuthorizerAnswer> AuthorizeAsync(AuthorizationQuery query, CancellationToken cancellationToken);
}

/// <summary>A question to an authorizer.</summary>
/// <param name="RequestId">The id of the accepted request, as in logs, traces and the callback's
/// <c>webhook-id</c>.</param>
/// <param name="Station">The charging station.</param>
/// <param name="Token">The driver's token as the caller wrote it; a secret.</param>
public sealed record AuthorizationQuery(RequestId RequestId, StationId Station, DriverToken Token)
{
    /// <summary>The identity to look up, which the token names.</summary>
    public TokenIdentity Identity { get; init; } = new(Token.Secret);

    /// <summary>
    /// The station's names in partner systems; null without a row in <c>authorization.stationsFile</c>.
    /// </summary>
    public StationMapping? Mapping { get; init; }
}
