using System.Text.Json.Serialization;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>A decision as stored in a database.</summary>
/// <param name="Reason">A reason that every version can read: where <paramref name="ExactReason"/> is set, the nearest
/// one.</param>
/// <param name="ExactReason">The exact reason where versions up to 0.1 do not know it; otherwise null.</param>
/// <param name="DecidedAt">When the request was decided, in ticks.</param>
/// <param name="Details">The encrypted details; null if there are none.</param>
/// <remarks>
/// During a rolling update, an older node of the cluster reads decisions of a newer one. It would treat a row with an
/// unknown name as damaged and deliver nothing; with the nearest reason it delivers the same status.
/// </remarks>
internal sealed record StoredDecision(
    string Status,
    string Reason,
    string? ExactReason,
    long DecidedAt,
    byte[]? Details
)
{
    /// <summary>Converts <paramref name="decision"/> of request <paramref name="id"/> to its stored form.</summary>
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
