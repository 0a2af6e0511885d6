using System.Security.Cryptography;
using System.Text;

namespace AkkaCharging.Journal;

/// <summary>Turns idempotency keys into claims: keyed hashes, so that a stored claim tells nothing about a key or a driver token.</summary>
/// <param name="secret">At least 32 bytes; claims made with another secret never match.</param>
public sealed class IdempotencyHasher(byte[] secret)
{
    /// <summary>A hasher for claims that need not outlive the process.</summary>
    public static IdempotencyHasher WithRandomSecret() => new(RandomNumberGenerator.GetBytes(32));

    /// <summary>The claim of <paramref name="key"/> in the scope of an API key, for a request with these field values.</summary>
    public IdempotencyClaim Claim(string? apiKeyName, string key, params ReadOnlySpan<string> fields) =>
        new(Hash([apiKeyName ?? "", key]), Hash(fields));

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
