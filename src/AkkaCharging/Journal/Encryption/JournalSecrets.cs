using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal.Encryption;

/// <summary>What an open journal encrypts and hashes with.</summary>
/// <remarks>
/// The journal keeps a secret of its own for its hashes, sealed by the key that writes. It does not rotate with the
/// keys, so that fingerprints and idempotency hashes stay comparable.
/// </remarks>
internal sealed class JournalSecrets
{
    private const int HashSecretBytes = 32;

    /// <summary>Associated data of the sealed hash secret.</summary>
    private static readonly byte[] SealedAs = "hash secret"u8.ToArray();

    private readonly byte[] _hashSecret;

    private JournalSecrets(KeyRing keys, byte[] hashSecret)
    {
        (Keys, _hashSecret) = (keys, hashSecret);
        Hasher = new(HMACSHA256.HashData(hashSecret, "idempotency"u8));
    }

    /// <summary>Keys that encrypt driver tokens and callback URLs.</summary>
    public KeyRing Keys { get; }

    /// <summary>Makes claims and fingerprints that match those of earlier processes on the same journal.</summary>
    public IdempotencyHasher Hasher { get; }

    /// <summary>The secrets of a fresh journal.</summary>
    public static JournalSecrets Create(KeyRing keys) => new(keys, RandomNumberGenerator.GetBytes(HashSecretBytes));

    /// <summary>The secrets of a journal whose hash secret is kept as <paramref name="wrapped"/>.</summary>
    /// <exception cref="InvalidJournalException">The key is missing, or the secret is damaged.</exception>
    public static JournalSecrets Open(KeyRing keys, byte[] wrapped) => new(keys, keys.Open(wrapped, SealedAs));

    /// <summary>The error of a journal whose hash secret is gone.</summary>
    public static InvalidJournalException Missing() => new("The journal is damaged: its hash secret is missing.");

    /// <summary>The error of a key that rows still need although it is not configured any more.</summary>
    public static InvalidJournalException KeyIsMissing(string keyId) =>
        new(
            $"The journal holds requests under key {keyId}, which is not configured any more; add it after the first "
                + "of journal.encryptionKeys."
        );

    /// <summary>Seals the hash secret with the key that writes, to be kept in the journal.</summary>
    public byte[] Wrap() => Keys.Seal(_hashSecret, SealedAs);

    /// <summary>The same hash secret beside other keys.</summary>
    public JournalSecrets Under(KeyRing keys) => new(keys, _hashSecret);

    /// <summary>Whether the fingerprints and claims of both match.</summary>
    public bool HashesLike(JournalSecrets other) => _hashSecret.AsSpan().SequenceEqual(other._hashSecret);

    /// <summary>Encrypts the driver token and the callback URL of a request.</summary>
    public byte[] Seal(ChargingRequest request) =>
        Keys.Seal(Encoding.ASCII.GetBytes($"{request.Token.Secret}\n{request.Callback.Text}"), StoredId.Of(request.Id));

    /// <summary>Decrypts what <see cref="Seal"/> made for the request of this id.</summary>
    public (DriverToken Token, CallbackUrl Callback) Open(RequestId id, byte[] secret)
    {
        // Neither holds a line break: the token by its alphabet, the URL because it is printable ASCII.
        var parts = Encoding.ASCII.GetString(Keys.Open(secret, StoredId.Of(id))).Split('\n');
        return (DriverToken.TryCreate(parts[0])!, CallbackUrl.FromJournal(parts[1]));
    }
}
