using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal.Encryption;

/// <summary>The keys and the hash secret of an open journal.</summary>
/// <remarks>
/// The journal stores its own secret for hashes, sealed with the writing key. The secret does not rotate with the keys,
/// so that fingerprints and idempotency hashes stay comparable.
/// </remarks>
internal sealed class JournalSecrets
{
    private const int HashSecretBytes = 32;

    /// <summary>The associated data of the sealed hash secret.</summary>
    private static readonly byte[] SealedAs = "hash secret"u8.ToArray();

    private readonly byte[] _hashSecret;

    private JournalSecrets(KeyRing keys, byte[] hashSecret)
    {
        (Keys, _hashSecret) = (keys, hashSecret);
        Hasher = new(HMACSHA256.HashData(hashSecret, "idempotency"u8));
    }

    /// <summary>The keys that encrypt driver tokens and callback URLs.</summary>
    public KeyRing Keys { get; }

    /// <summary>Creates claims and fingerprints that match those of earlier processes on the same journal.</summary>
    public IdempotencyHasher Hasher { get; }

    /// <summary>Creates the secrets of a new journal.</summary>
    public static JournalSecrets Create(KeyRing keys) => new(keys, RandomNumberGenerator.GetBytes(HashSecretBytes));

    /// <summary>Opens the secrets of a journal whose sealed hash secret is <paramref name="wrapped"/>.</summary>
    /// <exception cref="InvalidJournalException">The key is missing, or the secret is damaged.</exception>
    public static JournalSecrets Open(KeyRing keys, byte[] wrapped) => new(keys, keys.Open(wrapped, SealedAs));

    /// <summary>Creates the error of a journal without a hash secret.</summary>
    public static InvalidJournalException Missing() => new("The journal is damaged: its hash secret is missing.");

    /// <summary>Creates the error of a key that is no longer configured although rows need it.</summary>
    public static InvalidJournalException KeyIsMissing(string keyId) =>
        new(
            $"The journal holds requests under key {keyId}, which is no longer configured; add it after the first "
                + "key of journal.encryptionKeys."
        );

    /// <summary>Seals the hash secret with the writing key, to be stored in the journal.</summary>
    public byte[] Wrap() => Keys.Seal(_hashSecret, SealedAs);

    /// <summary>Returns the same hash secret with other keys.</summary>
    public JournalSecrets Under(KeyRing keys) => new(keys, _hashSecret);

    /// <summary>Checks whether both create the same fingerprints and claims.</summary>
    public bool HashesLike(JournalSecrets other) => _hashSecret.AsSpan().SequenceEqual(other._hashSecret);

    /// <summary>Encrypts the driver token, the callback URL and the callback format of a request.</summary>
    public byte[] Seal(ChargingRequest request)
    {
        // Versions that know only one format read the first two lines.
        var format = request.Format == CallbackFormat.Default ? "" : $"\n{request.Format.Name()}";
        return Keys.Seal(
            Encoding.ASCII.GetBytes($"{request.Token.Secret}\n{request.Callback.Text}{format}"),
            StoredId.Of(request.Id)
        );
    }

    /// <summary>Decrypts what <see cref="Seal(ChargingRequest)"/> returned for the request of this id.</summary>
    public (DriverToken Token, CallbackUrl Callback, CallbackFormat Format) Open(RequestId id, byte[] secret)
    {
        // No part contains a line break: the token's alphabet has none, and the URL is printable ASCII.
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

    /// <summary>Decrypts what <see cref="Seal(RequestId, AuthorizationDetails)"/> returned.</summary>
    /// <returns>Null when the key is no longer configured, which settled requests do not require.</returns>
    /// <exception cref="InvalidJournalException">The details were changed or moved to another row.</exception>
    public AuthorizationDetails? OpenDetails(RequestId id, byte[] details) =>
        Keys.Contains(KeyRing.KeyIdOf(details))
            ? JsonSerializer.Deserialize(
                Keys.Open(details, DetailsOf(StoredId.Of(id))),
                StoredDetailsJson.Default.AuthorizationDetails
            )
            : null;

    /// <summary>Encrypts the sealed details of a row again with other keys.</summary>
    /// <param name="id">The id of the row, as stored.</param>
    public static byte[] MoveDetails(byte[] id, byte[] details, KeyRing from, KeyRing to) =>
        to.Seal(from.Open(details, DetailsOf(id)), DetailsOf(id));

    // Differs from the token's associated data, so that neither can be put in the other's place.
    private static byte[] DetailsOf(byte[] id) => [.. id, .. "details"u8];
}
