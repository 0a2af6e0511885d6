using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>
/// What is stored about an accepted request, encrypted and hashed: made on the caller's thread, so that the writer only
/// writes.
/// </summary>
internal sealed record RequestRow(
    byte[] Id,
    string Station,
    string TokenMasked,
    byte[] TokenFingerprint,
    string Destination,
    byte[] Secrets,
    string? ApiKeyName,
    long AcceptedAt,
    long ExpiresAt,
    string? Trace
)
{
    public static RequestRow Of(ChargingRequest request, JournalSecrets secrets) =>
        new(
            StoredId.Of(request.Id),
            request.Station.Text,
            request.Token.Masked,
            secrets.Hasher.Fingerprint(request.Token),
            request.Callback.Destination.ToString(),
            secrets.Seal(request),
            request.ApiKeyName,
            request.AcceptedAt.UtcTicks,
            request.ExpiresAt.UtcTicks,
            StoredNames.Trace(request.Trace)
        );
}
