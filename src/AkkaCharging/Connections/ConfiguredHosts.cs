using System.Net;
using System.Net.Sockets;

namespace AkkaCharging.Connections;

/// <summary>
/// Connects to hosts that the settings name, as .NET would, but resolves their names on dedicated threads.
/// </summary>
/// <remarks>
/// The system's resolver blocks its thread while the name servers are silent, and .NET runs it on the thread pool. Here
/// a name holds one thread, however many connections wait for it; the settings name few hosts, so there are few
/// threads. The resolver of callbacks is not used, because these names are the operator's: the resolver's search list
/// may complete them (<c>http://authorizer:8080</c>), they may lead to private addresses, and a flood of callers' names
/// must not delay them. Errors: <see cref="SocketException"/> of the look-up or of the last address tried.
/// </remarks>
internal sealed class ConfiguredHosts(Func<string, IPAddress[]>? lookup = null)
{
    private readonly Func<string, IPAddress[]> _lookup = lookup ?? Dns.GetHostAddresses;
    private readonly Dictionary<string, Task<IPAddress[]>> _underWay = new(StringComparer.OrdinalIgnoreCase);
    private readonly Lock _gate = new();

    /// <summary>Opens a connection, for <see cref="SocketsHttpHandler.ConnectCallback"/>.</summary>
    public async ValueTask<Stream> ConnectAsync(
        SocketsHttpConnectionContext context,
        CancellationToken cancellationToken
    )
    {
        var (host, port) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
        var addresses = IPAddress.TryParse(host, out var literal)
            ? [literal]
            : await LookUp(host).WaitAsync(cancellationToken);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, port, cancellationToken);
            return ConnectedStream.Of(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private Task<IPAddress[]> LookUp(string host)
    {
        lock (_gate)
        {
            if (!_underWay.TryGetValue(host, out var lookup))
                _underWay[host] = lookup = Task.Factory.StartNew(
                    () => Ask(host),
                    CancellationToken.None,
                    TaskCreationOptions.LongRunning,
                    TaskScheduler.Default
                );
            return lookup;
        }
    }

    private IPAddress[] Ask(string host)
    {
        try
        {
            return _lookup(host);
        }
        finally
        {
            lock (_gate)
                _underWay.Remove(host);
        }
    }
}
