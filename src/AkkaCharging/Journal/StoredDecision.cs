using System.Text.Json.Serialization;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>A decision as a database keeps it.</summary>
/// <param name="Reason">A reason that every version reads: where <paramref name="ExactReason"/> is set, the nearest to
/// it.</param>
/// <param name="ExactReason">The reason that versions up to 0.1 do not know; null when they know it.</param>
/// <param name="DecidedAt">Ticks.</param>
/// <param name="Details">The details, encrypted; null without any.</param>
/// <remarks>
/// An older node of a cluster, which runs until its turn in a rolling update comes, reads what a newer one decided: it
/// would call a row with an unknown name damaged, and deliver nothing. It delivers the same status by the nearest
/// reason.
/// </remarks>
internal sealed record StoredDecision(
    string Status,
    string Reason,
    string? ExactReason,
    long DecidedAt,
    byte[]? Details
)
{
    /// <summary>What <paramref name="decision"/> of request <paramref name="id"/> is kept as.</summary>
    public static StoredDecision Of(RequestId id, Decision decision, JournalSecrets secrets)
    {
        var nearest = NearestOldReason(decision.Reason);
        return new(
            decision.Status.Name(),
            nearest.Name(),
            nearest == decision.Reason ? null : decision.Reason.Name(),
            decision.DecidedAt.UtcTicks,
            decision.Details is null ? null : secrets.Seal(id, decision.Details)
        );
    }

    private static DecisionReason NearestOldReason(DecisionReason reason) =>
        reason switch
        {
            DecisionReason.Deadline => DecisionReason.Timeout,
            DecisionReason.NoCredit or DecisionReason.ConcurrentSession => DecisionReason.Blocked,
            DecisionReason.NoRoute or DecisionReason.NoLocation => DecisionReason.AuthorizerError,
            _ => reason,
        };
}

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AuthorizationDetails))]
internal sealed partial class StoredDetailsJson : JsonSerializerContext;
