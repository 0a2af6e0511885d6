using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>
/// Turns idempotency keys into claims and driver tokens into fingerprints: keyed hashes, so that what is stored tells
/// nothing about a key or a token.
/// </summary>
/// <param name="secret">At least 32 bytes; what was made with another secret never matches.</param>
internal sealed class IdempotencyHasher(byte[] secret)
{
    /// <summary>Length of a fingerprint.</summary>
    public const int FingerprintBytes = 16;

    /// <summary>Hexadecimal digits of a fingerprint.</summary>
    public const int FingerprintDigits = 2 * FingerprintBytes;

    // Kept, as setting up OpenSSL's context for each token would cost as much as hashing it. One for each thread that
    // asks: a hash has a state.
    private readonly ThreadLocal<IncrementalHash> _fingerprint = KeyedHash(
        HMACSHA256.HashData(secret, "fingerprint"u8)
    );

    /// <summary>A hasher for claims that need not outlive the process.</summary>
    public static IdempotencyHasher WithRandomSecret() => new(RandomNumberGenerator.GetBytes(32));

    /// <summary>
    /// The claim of <paramref name="key"/> in the scope of an API key, for a request with these field values.
    /// </summary>
    public IdempotencyClaim Claim(string? apiKeyName, string key, params ReadOnlySpan<string> fields) =>
        new(Hash([apiKeyName ?? "", key]), Hash(fields));

    /// <summary>
    /// Names a driver token in audit without telling it: the same token, the same fingerprint, in this journal alone.
    /// </summary>
    public byte[] Fingerprint(DriverToken token)
    {
        Span<byte> ascii = stackalloc byte[DriverToken.LengthMax];
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        _fingerprint.Value!.AppendData(ascii[..Encoding.ASCII.GetBytes(token.Secret, ascii)]);
        _fingerprint.Value.GetHashAndReset(hash);
        return hash[..FingerprintBytes].ToArray();
    }

    /// <summary>Reads the hexadecimal digits of a fingerprint; null when <paramref name="text"/> holds none.</summary>
    public static byte[]? ReadFingerprint(string text) =>
        text.Length == FingerprintDigits && text.All(char.IsAsciiHexDigit) ? Convert.FromHexString(text) : null;

    private static ThreadLocal<IncrementalHash> KeyedHash(byte[] key) =>
        new(() => IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key));

    private string Hash(ReadOnlySpan<string> parts)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret);
        foreach (var part in parts)
        {
            // The length in front of each part keeps ("ab", "c") and ("a", "bc") apart.
            var bytes = Encoding.UTF8.GetBytes(part);
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }
}
