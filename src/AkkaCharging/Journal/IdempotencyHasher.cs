using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>
/// Hashes idempotency keys into claims and driver tokens into fingerprints. The hashes are keyed, so that stored values
/// reveal neither keys nor tokens.
/// </summary>
/// <param name="secret">The key of the hashes, at least 32 bytes; hashes with different secrets never match.</param>
internal sealed class IdempotencyHasher(byte[] secret)
{
    /// <summary>Length of a fingerprint.</summary>
    public const int FingerprintBytes = 16;

    /// <summary>Hexadecimal digits of a fingerprint.</summary>
    public const int FingerprintDigits = 2 * FingerprintBytes;

    // Kept, because setting up an OpenSSL context for each token would cost as much as hashing it. One per thread,
    // because a hash has a state.
    private readonly ThreadLocal<IncrementalHash> _fingerprint = KeyedHash(
        HMACSHA256.HashData(secret, "fingerprint"u8)
    );

    /// <summary>Creates a hasher for claims that need not outlive the process.</summary>
    public static IdempotencyHasher WithRandomSecret() => new(RandomNumberGenerator.GetBytes(32));

    /// <summary>
    /// Creates the claim of <paramref name="key"/> in the scope of an API key, for a request with these field values.
    /// </summary>
    public IdempotencyClaim Claim(string? apiKeyName, string key, params ReadOnlySpan<string> fields) =>
        new(Hash([apiKeyName ?? "", key]), Hash(fields));

    /// <summary>
    /// Returns the fingerprint of a driver token for audits: equal tokens have equal fingerprints, in this journal
    /// only.
    /// </summary>
    public byte[] Fingerprint(DriverToken token)
    {
        Span<byte> ascii = stackalloc byte[DriverToken.LengthMax];
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        _fingerprint.Value!.AppendData(ascii[..Encoding.ASCII.GetBytes(token.Secret, ascii)]);
        _fingerprint.Value.GetHashAndReset(hash);
        return hash[..FingerprintBytes].ToArray();
    }

    /// <summary>Parses the hexadecimal digits of a fingerprint; null when <paramref name="text"/> holds none.</summary>
    public static byte[]? ReadFingerprint(string text) =>
        text.Length == FingerprintDigits && text.All(char.IsAsciiHexDigit) ? Convert.FromHexString(text) : null;

    private static ThreadLocal<IncrementalHash> KeyedHash(byte[] key) =>
        new(() => IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key));

    private string Hash(ReadOnlySpan<string> parts)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret);
        foreach (var part in parts)
        {
            // A length before each part tells ("ab", "c") from ("a", "bc").
            var bytes = Encoding.UTF8.GetBytes(part);
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }
}
