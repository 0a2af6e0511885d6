using System.Net;

namespace AkkaCharging.Host.Http;

/// <summary>
/// The rate limits of callers without an API key, one per address: <c>server.anonymousRequestsPerSecond</c>.
/// </summary>
/// <remarks>
/// An address that <see cref="AddressTable{T}"/> forgets starts with a full burst, which gains nothing for a caller who
/// has enough addresses to make the table forget one.
/// </remarks>
/// <param name="perSecond">Requests per second of one address; zero for no limit.</param>
internal sealed class AddressLimits(double perSecond, TimeProvider time)
{
    private readonly AddressTable<RequestRate> _rates = new();

    /// <summary>Number of remembered addresses.</summary>
    public int Count => _rates.Count;

    /// <summary>Returns the rate limit of <paramref name="address"/>; null for none.</summary>
    public RequestRate? RateOf(IPAddress? address) =>
        perSecond > 0 && address is not null
            ? _rates.GetOrAdd(address, () => new RequestRate("address", perSecond, time))
            : null;
}
