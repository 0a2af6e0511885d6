using System.Security.Cryptography;
using System.Text;

namespace AkkaCharging.Host.Http;

/// <summary>The SHA-256 of a key: settings hold this, never the key.</summary>
internal static class KeyHash
{
    /// <summary>The hash of <paramref name="key"/> in UTF-8.</summary>
    public static byte[] Of(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}

/// <summary>Finds whose key was presented, among those whose hashes are known.</summary>
internal sealed class KeyHashes<T>(IReadOnlyList<(byte[] Hash, T Owner)> keys)
    where T : class
{
    /// <summary>Number of known keys.</summary>
    public int Count => keys.Count;

    /// <summary>The owner of <paramref name="presented"/>; null for a missing or unknown key.</summary>
    public T? OwnerOf(string presented)
    {
        if (presented.Length == 0)
            return null; // Also where the hash of nothing is configured, which is what hashing an unset variable gives.

        var hash = KeyHash.Of(presented);
        T? owner = null;

        // Every key is compared, each in constant time, so that the time taken tells nothing about any of them.
        foreach (var (known, candidate) in keys)
        {
            if (CryptographicOperations.FixedTimeEquals(known, hash))
                owner = candidate;
        }

        return owner;
    }
}
