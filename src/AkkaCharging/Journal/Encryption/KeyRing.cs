using System.Security.Cryptography;

namespace AkkaCharging.Journal.Encryption;

/// <summary>Encrypts with the first of its keys and decrypts with any of them: AES-256-GCM.</summary>
/// <remarks>
/// Sealed form: key id (8 bytes), random nonce (12), ciphertext, tag (16). The associated data binds it to its row:
/// moved to another row, it does not open. Random nonces are safe for 2^32 secrets per key (NIST SP 800-38D, section
/// 8.3): rotate a key before that many requests.
/// </remarks>
internal sealed class KeyRing(IReadOnlyList<EncryptionKey> keys)
{
    private const int NonceBytes = 12;
    private const int HeaderBytes = EncryptionKey.IdBytes + NonceBytes;

    /// <summary>All keys; the first one encrypts.</summary>
    public IReadOnlyList<EncryptionKey> Keys => keys;

    /// <summary>The id of the key that encrypts.</summary>
    public string WritingKeyId => keys[0].Id;

    /// <summary>Checks whether the ring contains the key of this id.</summary>
    public bool Contains(string keyId) => Find(keyId) is not null;

    /// <summary>Returns a ring of the same keys that encrypts with the one of this id, if it has it.</summary>
    public KeyRing WritingWith(string keyId) =>
        Find(keyId) is { } key ? new([key, .. keys.Where(other => other != key)]) : this;

    /// <summary>Returns the id of the key that a sealed secret needs.</summary>
    public static string KeyIdOf(ReadOnlySpan<byte> secret) =>
        Convert.ToHexStringLower(secret[..Math.Min(secret.Length, EncryptionKey.IdBytes)]);

    /// <summary>Encrypts <paramref name="plain"/> and binds it to <paramref name="associated"/>.</summary>
    public byte[] Seal(ReadOnlySpan<byte> plain, ReadOnlySpan<byte> associated)
    {
        var secret = new byte[HeaderBytes + plain.Length + EncryptionKey.TagBytes];
        Convert.FromHexString(WritingKeyId, secret, out _, out _);
        var nonce = secret.AsSpan(EncryptionKey.IdBytes, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        keys[0]
            .Cipher.Encrypt(
                nonce,
                plain,
                secret.AsSpan(HeaderBytes, plain.Length),
                secret.AsSpan(^EncryptionKey.TagBytes..),
                associated
            );
        return secret;
    }

    /// <summary>Decrypts what <see cref="Seal"/> returned for the same associated data.</summary>
    /// <exception cref="InvalidJournalException">The key is not in the ring, or the secret was changed or
    /// moved.</exception>
    public byte[] Open(ReadOnlySpan<byte> secret, ReadOnlySpan<byte> associated)
    {
        var keyId = KeyIdOf(secret);
        if (Find(keyId) is not { } key)
            throw new InvalidJournalException(
                $"The journal is encrypted with key {keyId}, which is not among the configured keys "
                    + $"({string.Join(", ", keys.Select(k => k.Id))})."
            );
        if (secret.Length < HeaderBytes + EncryptionKey.TagBytes)
            throw Damaged(keyId, innerException: null);

        var plain = new byte[secret.Length - HeaderBytes - EncryptionKey.TagBytes];
        try
        {
            key.Cipher.Decrypt(
                secret[EncryptionKey.IdBytes..HeaderBytes],
                secret[HeaderBytes..^EncryptionKey.TagBytes],
                secret[^EncryptionKey.TagBytes..],
                plain,
                associated
            );
        }
        catch (AuthenticationTagMismatchException e)
        {
            throw Damaged(keyId, e);
        }

        return plain;
    }

    private static InvalidJournalException Damaged(string keyId, Exception? innerException) =>
        new($"The journal is damaged: data encrypted with key {keyId} was changed or moved.", innerException);

    private EncryptionKey? Find(string keyId) =>
        keys.FirstOrDefault(key => string.Equals(key.Id, keyId, StringComparison.Ordinal));
}
