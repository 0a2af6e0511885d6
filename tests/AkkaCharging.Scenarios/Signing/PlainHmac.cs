using System.Security.Cryptography;

namespace AkkaCharging.Scenarios.Signing;

/// <summary>HMAC-SHA256 written down from RFC 2104: a second opinion on the library that the service uses.</summary>
internal static class PlainHmac
{
    private const int BlockBytes = 64;

    public static byte[] Compute(byte[] key, byte[] text)
    {
        var block = new byte[BlockBytes];
        (key.Length > BlockBytes ? SHA256.HashData(key) : key).CopyTo(block, 0);
        var inner = SHA256.HashData([.. block.Select(b => (byte)(b ^ 0x36)), .. text]);
        return SHA256.HashData([.. block.Select(b => (byte)(b ^ 0x5c)), .. inner]);
    }
}
