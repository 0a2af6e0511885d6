namespace AkkaCharging.Requests;

/// <summary>The OCPP status of an Authorize answer that corresponds to a decision.</summary>
/// <remarks>
/// Source: AuthorizationStatus of OCPP 1.6 and AuthorizationStatusEnumType of OCPP 2.0.1. Version 1.6 has no status for
/// missing credit or an unknown token.
/// </remarks>
internal static class OcppStatus
{
    /// <summary>
    /// Returns <c>Accepted</c>, <c>Blocked</c>, <c>Expired</c>, <c>Invalid</c> or <c>ConcurrentTx</c>.
    /// </summary>
    public static string Ocpp16(this Decision decision) =>
        decision.Status == AuthorizationStatus.Allowed
            ? "Accepted"
            : decision.Reason switch
            {
                DecisionReason.Blocked or DecisionReason.NoCredit => "Blocked",
                DecisionReason.Expired => "Expired",
                DecisionReason.ConcurrentSession => "ConcurrentTx",
                _ => "Invalid",
            };

    /// <summary>
    /// Returns <c>Accepted</c>, <c>Blocked</c>, <c>Expired</c>, <c>NoCredit</c>, <c>NotAtThisLocation</c>,
    /// <c>ConcurrentTx</c> or <c>Unknown</c>.
    /// </summary>
    public static string Ocpp201(this Decision decision) =>
        decision.Status == AuthorizationStatus.Allowed
            ? "Accepted"
            : decision.Reason switch
            {
                DecisionReason.Blocked => "Blocked",
                DecisionReason.NoCredit => "NoCredit",
                DecisionReason.Expired => "Expired",
                DecisionReason.StationNotAllowed => "NotAtThisLocation",
                DecisionReason.ConcurrentSession => "ConcurrentTx",
                _ => "Unknown",
            };
}
