using System.Net;

namespace AkkaCharging.Host.Http;

/// <summary>
/// The rate limit of callers without an API key, one for each address: <c>server.anonymousRequestsPerSecond</c>.
/// </summary>
/// <remarks>
/// An address that <see cref="AddressTable{T}"/> forgets starts with a full burst, which anybody with so many addresses
/// had anyway.
/// </remarks>
/// <param name="perSecond">Zero for no limit.</param>
internal sealed class AddressLimits(double perSecond, TimeProvider time)
{
    private readonly AddressTable<RequestRate> _rates = new();

    /// <summary>Addresses that are remembered.</summary>
    public int Count => _rates.Count;

    /// <summary>The rate limit of <paramref name="address"/>; null for none.</summary>
    public RequestRate? RateOf(IPAddress? address) =>
        perSecond > 0 && address is not null
            ? _rates.GetOrAdd(address, () => new RequestRate("address", perSecond, time))
            : null;
}
