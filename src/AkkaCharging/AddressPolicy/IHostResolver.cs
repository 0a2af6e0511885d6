using System.Net;

namespace AkkaCharging.AddressPolicy;

/// <summary>
/// Finds the addresses of a name, afresh each time: a positive answer is never remembered, each new connection is
/// vetted on its own.
/// </summary>
internal interface IHostResolver
{
    /// <summary>All addresses of <paramref name="host"/>.</summary>
    /// <exception cref="NameResolutionException">There is no answer, or none in time.</exception>
    Task<IReadOnlyList<IPAddress>> ResolveAsync(string host, CancellationToken cancellationToken);

    /// <summary>
    /// Whether <paramref name="host"/> is worth an attempt to connect, at no cost of exceptions and connection pools if
    /// it is not.
    /// </summary>
    /// <returns>Null when it has an address or lately had one, to which there may be a connection; else why
    /// not.</returns>
    ValueTask<NameResolutionFailure?> FindFailureAsync(string host, CancellationToken cancellationToken) =>
        new((NameResolutionFailure?)null);
}
