using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
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

    /// <summary>Encrypts the driver token, the callback URL and the callback format of a request.</summary>
    public byte[] Seal(ChargingRequest request)
    {
        // Versions that know one format alone read the first two lines.
        var format = request.Format == CallbackFormat.Default ? "" : $"\n{request.Format.Name()}";
        return Keys.Seal(
            Encoding.ASCII.GetBytes($"{request.Token.Secret}\n{request.Callback.Text}{format}"),
            StoredId.Of(request.Id)
        );
    }

    /// <summary>Decrypts what <see cref="Seal(ChargingRequest)"/> made for the request of this id.</summary>
    public (DriverToken Token, CallbackUrl Callback, CallbackFormat Format) Open(RequestId id, byte[] secret)
    {
        // None holds a line break: the token by its alphabet, the URL because it is printable ASCII.
        var parts = Encoding.ASCII.GetString(Keys.Open(secret, StoredId.Of(id))).Split('\n');
        var format = CallbackFormats.FromJournal(parts.ElementAtOrDefault(2));
        return (DriverToken.FromJournal(parts[0]), CallbackUrl.FromJournal(parts[1]), format);
    }

    /// <summary>Encrypts the details of the decision of request <paramref name="id"/>.</summary>
    public byte[] Seal(RequestId id, AuthorizationDetails details) =>
        Keys.Seal(
            JsonSerializer.SerializeToUtf8Bytes(details, StoredDetailsJson.Default.AuthorizationDetails),
            DetailsOf(StoredId.Of(id))
        );

    /// <summary>Decrypts what <see cref="Seal(RequestId, AuthorizationDetails)"/> made.</summary>
    /// <returns>Null when its key is gone, which settled requests do not hold on to.</returns>
    /// <exception cref="InvalidJournalException">It was changed or moved.</exception>
    public AuthorizationDetails? OpenDetails(RequestId id, byte[] details) =>
        Keys.Contains(KeyRing.KeyIdOf(details))
            ? JsonSerializer.Deserialize(
                Keys.Open(details, DetailsOf(StoredId.Of(id))),
                StoredDetailsJson.Default.AuthorizationDetails
            )
            : null;

    /// <summary>Encrypts the sealed details of a row anew.</summary>
    /// <param name="id">The row's, as stored.</param>
    public static byte[] MoveDetails(byte[] id, byte[] details, KeyRing from, KeyRing to) =>
        to.Seal(from.Open(details, DetailsOf(id)), DetailsOf(id));

    // Not the id alone: the token's place must not take the details, nor the other way round.
    private static byte[] DetailsOf(byte[] id) => [.. id, .. "details"u8];
}
