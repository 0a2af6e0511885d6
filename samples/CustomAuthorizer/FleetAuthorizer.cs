using AkkaCharging.Authorization;

namespace CustomAuthorizer;

/// <summary>Lets the vehicles of one fleet charge by day, and knows which of their cards were lost.</summary>
/// <remarks>
/// The constructor takes whatever the program registers; <see cref="TimeProvider"/> is registered already.
/// </remarks>
internal sealed class FleetAuthorizer(TimeProvider time) : IAuthorizer
{
    private const string FleetPrefix = "fleet-vehicle-";
    private const int FirstHour = 6;
    private const int LastHour = 22;
    private static readonly HashSet<string> LostCards = new(StringComparer.Ordinal) { "fleet-vehicle-000013" };

    public ValueTask<AuthorizerAnswer> AuthorizeAsync(AuthorizationQuery query, CancellationToken cancellationToken) =>
        new(Decide(query.Token.Secret, time.GetUtcNow().Hour));

    private static AuthorizerAnswer Decide(string token, int hour)
    {
        if (!token.StartsWith(FleetPrefix, StringComparison.Ordinal))
            return AuthorizerAnswer.Deny(DenialReason.UnknownToken);
        if (LostCards.Contains(token))
            return AuthorizerAnswer.Deny(DenialReason.Blocked);
        return hour is >= FirstHour and < LastHour
            ? AuthorizerAnswer.Allow()
            : AuthorizerAnswer.Deny(DenialReason.Expired);
    }
}
