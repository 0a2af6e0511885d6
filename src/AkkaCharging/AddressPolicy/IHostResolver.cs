using System.Net;

namespace AkkaCharging.AddressPolicy;

/// <summary>Finds the addresses of a name, afresh each time: a positive answer is never remembered, each new connection is vetted on its own.</summary>
public interface IHostResolver
{
    /// <summary>All addresses of <paramref name="host"/>.</summary>
    /// <exception cref="NameResolutionException">There is no answer, or none in time.</exception>
    Task<IReadOnlyList<IPAddress>> ResolveAsync(string host, CancellationToken cancellationToken);
}
