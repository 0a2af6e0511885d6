using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace AkkaCharging.Testing;

/// <summary>
/// Stands between a client and a server on loopback: what passes can be delayed, held back or cut off while a test
/// runs.
/// </summary>
internal sealed class TcpProxy : IAsyncDisposable
{
    private volatile IPEndPoint _target;
    private readonly TcpListener _listener;
    private readonly Func<TcpClient> _client;
    private readonly ConcurrentDictionary<TcpClient, bool> _open = new();
    private readonly Task _accepting;
    private volatile bool _isCut;
    private volatile TaskCompletionSource _flowing = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _delayMillis;

    private TcpProxy(TcpListener listener, Func<TcpClient> client, int target)
    {
        (_listener, _client, _target) = (listener, client, new(IPAddress.Loopback, target));
        _flowing.SetResult();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public static TcpProxy To(int port) => new(Listener(), Client, port);

    /// <summary>To a port of the loopback of another network namespace.</summary>
    public static TcpProxy Into(NetworkNamespace network, int port) =>
        new(Listener(), () => network.Inside(Client), port);

    /// <summary>To a port of this loopback, from the same port of the loopback of another network namespace.</summary>
    public static TcpProxy OutOf(NetworkNamespace network, int port) =>
        new(network.Inside(() => Listener(port)), Client, port);

    /// <summary>Adds <paramref name="delay"/> to each piece that passes, in both directions.</summary>
    public void Delay(TimeSpan delay) => Volatile.Write(ref _delayMillis, (int)delay.TotalMilliseconds);

    /// <summary>Leads to another port from now on; what is open stays with the old one.</summary>
    public void Redirect(int port) => _target = new(IPAddress.Loopback, port);

    /// <summary>Closes what is open, and whatever is opened until <see cref="Restore"/>.</summary>
    public void Cut()
    {
        _isCut = true;
        foreach (var client in _open.Keys)
            client.Close();
    }

    /// <summary>Holds all traffic back and closes nothing, like a network without a route.</summary>
    public void Freeze() => _flowing = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Restores normal operation.</summary>
    public void Restore()
    {
        _isCut = false;
        _flowing.TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        Cut();
        _flowing.TrySetResult();
        await _accepting;
    }

    private static TcpListener Listener(int port = 0)
    {
        var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        return listener;
    }

    private static TcpClient Client() => new(AddressFamily.InterNetwork);

    private async Task AcceptAsync()
    {
        var passing = new List<Task>();
        try
        {
            while (true)
                passing.Add(PassAsync(await _listener.AcceptTcpClientAsync()));
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(passing);
        }
    }

    private async Task PassAsync(TcpClient client)
    {
        using var server = _client();
        client.NoDelay = server.NoDelay = true;
        _open[client] = _open[server] = true;
        try
        {
            if (_isCut)
                return;
            await server.ConnectAsync(_target);
            await Task.WhenAny(
                CopyAsync(client.GetStream(), server.GetStream()),
                CopyAsync(server.GetStream(), client.GetStream())
            );
        }
        catch (Exception exception) when (exception is SocketException or IOException or InvalidOperationException)
        {
            // Refused by the target, or cut meanwhile: the client sees its connection end.
        }
        finally
        {
            _open.TryRemove(client, out _);
            _open.TryRemove(server, out _);
            client.Dispose();
        }
    }

    private async Task CopyAsync(NetworkStream from, NetworkStream to)
    {
        var buffer = new byte[65_536];
        try
        {
            int read;
            while ((read = await from.ReadAsync(buffer)) > 0)
            {
                await _flowing.Task;
                if (Volatile.Read(ref _delayMillis) is > 0 and var delay)
                    await Task.Delay(delay);
                await to.WriteAsync(buffer.AsMemory(0, read));
            }
        }
        catch (Exception exception)
            when (exception is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // Cut: the other direction ends with this one.
        }
    }
}
