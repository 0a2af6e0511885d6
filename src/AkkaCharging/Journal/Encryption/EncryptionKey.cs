using System.Security.Cryptography;

namespace AkkaCharging.Journal.Encryption;

/// <summary>One AES-256 key and the name by which stored secrets refer to it.</summary>
#pragma warning disable CA1001 // Lives as long as the process; the ciphers' handles are finalized.
internal sealed class EncryptionKey
#pragma warning restore CA1001
{
    /// <summary>Length of a key.</summary>
    public const int KeyBytes = 32;

    /// <summary>Length of a key's id.</summary>
    public const int IdBytes = 8;

    /// <summary>Length of an authentication tag.</summary>
    public const int TagBytes = 16;

    // One per thread: an instance holds one OpenSSL context.
    private readonly ThreadLocal<AesGcm> _cipher;

    /// <param name="key">32 bytes.</param>
    public EncryptionKey(byte[] key)
    {
        Id = Convert.ToHexStringLower(SHA256.HashData([.. "AkkaCharging journal key "u8, .. key]).AsSpan(0, IdBytes));
        _cipher = new(() => new AesGcm(key, TagBytes));
        Text = Convert.ToBase64String(key);
    }

    /// <summary>The key in base64, only for writing a lost key file again.</summary>
    public string Text { get; }

    /// <summary>The key's id of 16 hexadecimal digits, which reveals nothing about the key.</summary>
    public string Id { get; }

    /// <summary>The AES-GCM cipher of this key for the current thread.</summary>
    public AesGcm Cipher => _cipher.Value!;

    /// <summary>Generates a random key in base64.</summary>
    public static string Generate() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyBytes));

    /// <summary>Parses 32 bytes in base64; null for anything else.</summary>
    public static EncryptionKey? TryParse(string text)
    {
        var key = new byte[KeyBytes];
        return Convert.TryFromBase64String(text, key, out var length) && length == KeyBytes ? new(key) : null;
    }
}
