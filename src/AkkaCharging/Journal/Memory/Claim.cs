namespace AkkaCharging.Journal.Memory;

/// <summary>A stored idempotency key, and its place in the list of keys by age.</summary>
internal sealed class Claim
{
    /// <summary>The memory of a key, measured on a 64-bit processor.</summary>
    public const int Bytes = 500;

    public Claim(string keyHash, KeptClaim kept, long since)
    {
        (KeyHash, Kept, Since) = (keyHash, kept, since);
        Place = new(this);
    }

    public string KeyHash { get; }

    public KeptClaim Kept { get; }

    public long Since { get; }

    public LinkedListNode<Claim> Place { get; }
}
