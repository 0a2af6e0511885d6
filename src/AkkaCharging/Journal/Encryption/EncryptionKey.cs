using System.Security.Cryptography;

namespace AkkaCharging.Journal.Encryption;

/// <summary>One AES-256 key and the name by which stored secrets refer to it.</summary>
#pragma warning disable CA1001 // Lives as long as the process; the ciphers' handles free themselves.
internal sealed class EncryptionKey
#pragma warning restore CA1001
{
    /// <summary>Length of a key.</summary>
    public const int KeyBytes = 32;

    /// <summary>Length of a key's id.</summary>
    public const int IdBytes = 8;

    /// <summary>Length of an authentication tag.</summary>
    public const int TagBytes = 16;

    // One a thread: an instance holds one OpenSSL context.
    private readonly ThreadLocal<AesGcm> _cipher;

    /// <param name="key">32 bytes.</param>
    public EncryptionKey(byte[] key)
    {
        Id = Convert.ToHexStringLower(SHA256.HashData([.. "AkkaCharging journal key "u8, .. key]).AsSpan(0, IdBytes));
        _cipher = new(() => new AesGcm(key, TagBytes));
        Text = Convert.ToBase64String(key);
    }

    /// <summary>The key itself, in base64: for a key file that has to be written again, and nothing else.</summary>
    public string Text { get; }

    /// <summary>16 hexadecimal digits; tells nothing about the key.</summary>
    public string Id { get; }

    /// <summary>AES-GCM with this key, for the current thread.</summary>
    public AesGcm Cipher => _cipher.Value!;

    /// <summary>A random key, in base64.</summary>
    public static string Generate() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyBytes));

    /// <summary>Reads 32 bytes in base64; null for anything else.</summary>
    public static EncryptionKey? TryParse(string text)
    {
        var key = new byte[KeyBytes];
        return Convert.TryFromBase64String(text, key, out var length) && length == KeyBytes ? new(key) : null;
    }
}
