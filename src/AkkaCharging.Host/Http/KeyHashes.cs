using System.Security.Cryptography;
using System.Text;

namespace AkkaCharging.Host.Http;

/// <summary>The SHA-256 of a key, which settings contain instead of the key.</summary>
internal static class KeyHash
{
    /// <summary>Returns the hash of <paramref name="key"/> in UTF-8.</summary>
    public static byte[] Of(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}

/// <summary>Finds the owner of a key by its hash.</summary>
internal sealed class KeyHashes<T>(IReadOnlyList<(byte[] Hash, T Owner)> keys)
    where T : class
{
    /// <summary>Number of known keys.</summary>
    public int Count => keys.Count;

    /// <summary>Returns the owner of <paramref name="presented"/>; null for a missing or unknown key.</summary>
    public T? OwnerOf(string presented)
    {
        if (presented.Length == 0)
            return null; // Even if the hash of an empty key is configured, which hashing an unset variable produces.

        var hash = KeyHash.Of(presented);
        T? owner = null;

        // Compares every key, each in constant time, so that the time taken reveals nothing about any of them.
        foreach (var (known, candidate) in keys)
        {
            if (CryptographicOperations.FixedTimeEquals(known, hash))
                owner = candidate;
        }

        return owner;
    }
}
