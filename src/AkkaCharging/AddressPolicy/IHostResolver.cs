using System.Net;

namespace AkkaCharging.AddressPolicy;

/// <summary>
/// Resolves host names. Positive answers are not cached, so that each new connection is vetted on its own.
/// </summary>
internal interface IHostResolver
{
    /// <summary>Resolves all addresses of <paramref name="host"/>.</summary>
    /// <exception cref="NameResolutionException">The name has no address, or none was found in time.</exception>
    Task<IReadOnlyList<IPAddress>> ResolveAsync(string host, CancellationToken cancellationToken);

    /// <summary>
    /// Checks cheaply, without exceptions or connection pools, whether a connection to <paramref name="host"/> is worth
    /// attempting.
    /// </summary>
    /// <returns>
    /// Null when the host has an address, or had one recently and may have an open connection; otherwise why it has
    /// none.
    /// </returns>
    ValueTask<NameResolutionFailure?> FindFailureAsync(string host, CancellationToken cancellationToken) =>
        new((NameResolutionFailure?)null);
}
