using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace AkkaCharging.Host.Http;

/// <summary>Stores a value for each address.</summary>
/// <remarks>
/// IPv6 addresses are grouped by their first 64 bits, which one subscriber usually has. The table is bounded: after
/// <see cref="GenerationMax"/> addresses, those that do not return before as many others are forgotten.
/// </remarks>
internal sealed class AddressTable<T>
    where T : class
{
    /// <summary>Addresses in a generation; two are remembered.</summary>
    public const int GenerationMax = 10_000;

    private const int Ipv6PrefixBytes = 8;

    private readonly Lock _gate = new();
    private Dictionary<UInt128, T> _recent = [];
    private Dictionary<UInt128, T> _older = [];

    /// <summary>Number of remembered addresses.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _recent.Count + _older.Count;
        }
    }

    /// <summary>Returns the value of <paramref name="address"/>; null for an unknown address.</summary>
    public T? Find(IPAddress address)
    {
        var key = KeyOf(address);
        lock (_gate)
            return _recent.GetValueOrDefault(key) ?? _older.GetValueOrDefault(key);
    }

    /// <summary>
    /// Returns the value of <paramref name="address"/>, created by <paramref name="create"/> for a new one.
    /// </summary>
    public T GetOrAdd(IPAddress address, Func<T> create)
    {
        var key = KeyOf(address);
        lock (_gate)
        {
            if (_recent.TryGetValue(key, out var value))
                return value;
            if (!_older.Remove(key, out value))
                value = create();
            if (_recent.Count == GenerationMax)
                (_older, _recent) = (_recent, []);
            _recent.Add(key, value);
            return value;
        }
    }

    private static UInt128 KeyOf(IPAddress address)
    {
        var mapped = address.IsIPv4MappedToIPv6 || address.AddressFamily == AddressFamily.InterNetwork;
        Span<byte> bytes = stackalloc byte[16];
        (mapped ? address.MapToIPv6() : address).TryWriteBytes(bytes, out _);
        if (!mapped)
            bytes[Ipv6PrefixBytes..].Clear();
        return BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }
}
