using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>
/// The stored form of an accepted request, encrypted and hashed. Created on the caller's thread, so that the writer
/// only writes.
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
            Id: StoredId.Of(request.Id),
            Station: request.Station.Text,
            TokenMasked: request.Token.Masked,
            TokenFingerprint: secrets.Hasher.Fingerprint(request.Token),
            Destination: request.Callback.Destination.ToString(),
            Secrets: secrets.Seal(request),
            ApiKeyName: request.ApiKeyName,
            AcceptedAt: request.AcceptedAt.UtcTicks,
            ExpiresAt: request.ExpiresAt.UtcTicks,
            Trace: StoredNames.Trace(request.Trace)
        );
}
