using System.Net;
using System.Net.Sockets;
using AkkaCharging.Connections;
using AkkaCharging.Networks;

namespace AkkaCharging.AddressPolicy;

/// <summary>Connects to vetted addresses only; this class enforces the address policy.</summary>
/// <remarks>
/// A name is resolved once for each connection, each of its addresses must be allowed, and the socket connects to one
/// of these addresses, never to the name. So no second look-up can answer differently (DNS rebinding).
/// </remarks>
internal sealed class VettedConnector
{
    // Further addresses are tried too, but only in the time that is left.
    private const int FairAttempts = 3;

    private readonly CallbackAddressPolicy _policy;
    private readonly IHostResolver _resolver;
    private readonly TimeProvider _time;
    private readonly TimeSpan _connectTimeout;
    private readonly Func<IPEndPoint, CancellationToken, ValueTask<Stream>> _dial;

    /// <summary>Creates a connector that uses TCP.</summary>
    /// <param name="connectTimeout">Time-out for all addresses of a name together, excluding the look-up.</param>
    /// <param name="connectionsMax">Number of connections that may be open, see
    /// <see cref="CallbackConnections"/>.</param>
    public VettedConnector(
        CallbackAddressPolicy policy,
        IHostResolver resolver,
        TimeProvider time,
        TimeSpan connectTimeout,
        int connectionsMax = int.MaxValue
    )
    {
        (_policy, _resolver, _time, _connectTimeout, _dial) = (policy, resolver, time, connectTimeout, DialAsync);
        Connections = new CallbackConnections(connectionsMax, time);
    }

    internal VettedConnector(
        CallbackAddressPolicy policy,
        IHostResolver resolver,
        TimeProvider time,
        TimeSpan connectTimeout,
        Func<IPEndPoint, CancellationToken, ValueTask<Stream>> dial
    )
        : this(policy, resolver, time, connectTimeout) => _dial = dial;

    /// <summary>The connections that were opened and not closed yet.</summary>
    public CallbackConnections Connections { get; }

    /// <summary>Opens a connection to a host and port as written in a URL; IPv6 may have brackets.</summary>
    /// <exception cref="AddressRefusedException">The policy rejects the host, the port or one of the addresses.
    /// Permanent.</exception>
    /// <exception cref="NameResolutionException">The name has no address at present.</exception>
    /// <exception cref="LocalShortageException">This process is out of files, ports or memory.</exception>
    /// <exception cref="SocketException">No address accepted the connection; the error is from the last
    /// address.</exception>
    /// <exception cref="TimeoutException">No address accepted the connection in time.</exception>
    public async ValueTask<Stream> ConnectAsync(DnsEndPoint endpoint, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        var addresses = await VetAsync(endpoint, cancellationToken);
        return await ConnectAnyAsync(addresses, endpoint.Port, cancellationToken);
    }

    /// <summary>
    /// Checks whether a connection to the host of <paramref name="url"/> is worth attempting, see
    /// <see cref="IHostResolver.FindFailureAsync"/>.
    /// </summary>
    public ValueTask<NameResolutionFailure?> FindFailureAsync(Uri url, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(url);
        return url.HostNameType == UriHostNameType.Dns
            ? _resolver.FindFailureAsync(url.IdnHost, cancellationToken)
            : new((NameResolutionFailure?)null);
    }

    /// <summary>
    /// Connects for <see cref="SocketsHttpHandler.ConnectCallback"/>; judges the URL of the request again, including
    /// its scheme.
    /// </summary>
    internal ValueTask<Stream> ConnectAsync(
        SocketsHttpConnectionContext context,
        CancellationToken cancellationToken
    ) =>
        _policy.CheckSentUrl(context.InitialRequestMessage.RequestUri?.OriginalString) switch
        {
            UrlVerdict.Allowed => ConnectAsync(context.DnsEndPoint, cancellationToken),
            UrlVerdict.Refused refused => throw new AddressRefusedException(refused.Reason),
            _ => throw new AddressRefusedException(RefusalReason.HostSyntax),
        };

    private async ValueTask<IReadOnlyList<IPAddress>> VetAsync(
        DnsEndPoint endpoint,
        CancellationToken cancellationToken
    )
    {
        var host = HostSyntax.ReadIPv6(endpoint.Host) is null ? endpoint.Host : $"[{endpoint.Host}]";
        var verdict = _policy.CheckHost(host, endpoint.Port);
        if (verdict.Reason is { } reason)
            throw new AddressRefusedException(reason);
        if (verdict.Address is { } literal)
            return [literal];

        var addresses = await _resolver.ResolveAsync(verdict.Name!, cancellationToken);
        if (addresses.Count == 0)
            throw new NameResolutionException(verdict.Name!, NameResolutionFailure.NotFound);

        // One rejected address rejects the whole name: which address is dialled would otherwise be left to chance.
        foreach (var address in addresses)
        {
            if (_policy.CheckAddress(address).Reason is { } found)
                throw new AddressRefusedException(found);
        }

        return addresses;
    }

    private async ValueTask<Stream> ConnectAnyAsync(
        IReadOnlyList<IPAddress> addresses,
        int port,
        CancellationToken cancellationToken
    )
    {
        using var overall = new CancellationTokenSource(_connectTimeout, _time);
        var share = _connectTimeout / Math.Min(addresses.Count, FairAttempts);
        Exception? last = null;
        foreach (var address in addresses)
        {
            using var attempt = new CancellationTokenSource(share, _time);
            using var linked = CancellationTokenSource.CreateLinkedTokenSource(
                cancellationToken,
                overall.Token,
                attempt.Token
            );
            try
            {
                return await _dial(new IPEndPoint(address, port), linked.Token);
            }
            catch (SocketException e)
            {
                if (LocalResources.FindShortage(e, new IPEndPoint(address, port)) is { } resource)
                    throw new LocalShortageException(resource, e);
                last = e;
            }
            catch (OperationCanceledException e)
            {
                // The handler knows its own time-out by its token, which is not that of the attempt.
                cancellationToken.ThrowIfCancellationRequested();
                last = new TimeoutException($"No connection within {_connectTimeout.TotalSeconds} s.", e);
                if (overall.IsCancellationRequested)
                    break;
            }
        }

        throw last!;
    }

    private async ValueTask<Stream> DialAsync(IPEndPoint endpoint, CancellationToken cancellationToken)
    {
        Connections.Begin();
        Socket? socket = null;
        try
        {
            socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(endpoint, cancellationToken);
            return ConnectedStream.Of(socket, Connections.End);
        }
        catch
        {
            socket?.Dispose();
            Connections.End();
            throw;
        }
    }
}
