using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal.Encryption;

/// <summary>What an open journal encrypts and hashes with.</summary>
/// <param name="keys">Encrypt driver tokens and callback URLs.</param>
/// <param name="hashSecret">32 bytes of the journal's own, which do not rotate with the keys: fingerprints and
/// idempotency hashes stay comparable.</param>
internal sealed class JournalSecrets(KeyRing keys, byte[] hashSecret)
{
    /// <summary>Makes claims and fingerprints that match those of earlier processes on the same journal.</summary>
    public IdempotencyHasher Hasher { get; } = new(HMACSHA256.HashData(hashSecret, "idempotency"u8));

    /// <summary>Encrypts what is secret about a request.</summary>
    public byte[] Seal(ChargingRequest request) =>
        keys.Seal(Encoding.ASCII.GetBytes($"{request.Token.Secret}\n{request.Callback.Text}"), StoredId.Of(request.Id));

    /// <summary>Decrypts what <see cref="Seal"/> made for the request of this id.</summary>
    public (DriverToken Token, CallbackUrl Callback) Open(RequestId id, byte[] secret)
    {
        // Neither holds a line break: the token by its alphabet, the URL because it is printable ASCII.
        var parts = Encoding.ASCII.GetString(keys.Open(secret, StoredId.Of(id))).Split('\n');
        return (DriverToken.TryCreate(parts[0])!, CallbackUrl.FromJournal(parts[1]));
    }
}
