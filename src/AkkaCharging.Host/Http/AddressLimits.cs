using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace AkkaCharging.Host.Http;

/// <summary>
/// The rate limit of callers without an API key, one for each address: <c>server.anonymousRequestsPerSecond</c>.
/// </summary>
/// <remarks>
/// IPv6 addresses count by their first 64 bits, all of which one subscriber usually has. The table is bounded: once
/// <see cref="GenerationMax"/> addresses were seen, those that are not seen again before as many others are forgotten.
/// A forgotten address starts with a full burst, which whoever has so many addresses had anyway.
/// </remarks>
/// <param name="perSecond">Zero for no limit.</param>
internal sealed class AddressLimits(double perSecond, TimeProvider time)
{
    /// <summary>Addresses in a generation; two are remembered.</summary>
    public const int GenerationMax = 10_000;

    private const int Ipv6PrefixBytes = 8;

    private readonly Lock _gate = new();
    private Dictionary<UInt128, RequestRate> _recent = [];
    private Dictionary<UInt128, RequestRate> _older = [];

    /// <summary>Addresses that are remembered.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _recent.Count + _older.Count;
        }
    }

    /// <summary>Takes one of the requests per second of <paramref name="address"/>.</summary>
    /// <returns>How long to wait when there is none left; null when one was taken.</returns>
    public TimeSpan? TryTake(IPAddress? address) =>
        perSecond > 0 && address is not null ? RateOf(KeyOf(address)).TryTake() : null;

    private RequestRate RateOf(UInt128 key)
    {
        lock (_gate)
        {
            if (_recent.TryGetValue(key, out var rate))
                return rate;
            if (!_older.Remove(key, out rate))
                rate = new RequestRate(perSecond, time);
            if (_recent.Count == GenerationMax)
                (_older, _recent) = (_recent, []);
            _recent.Add(key, rate);
            return rate;
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
