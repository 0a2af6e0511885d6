using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace AkkaCharging.Testing.Tls;

/// <summary>The address that a certificate names: it accepts every connection, counts it, and never answers.</summary>
internal sealed class FetchTrap : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Parse("127.0.0.2"), 0);
    private readonly ConcurrentQueue<(Socket Socket, EndPoint Caller)> _taken = new();
    private readonly HashSet<EndPoint> _own = [];
    private readonly Task _serving;

    public FetchTrap()
    {
        _listener.Start();
        _serving = ServeAsync();
    }

    public string Url(string path) => $"http://{_listener.LocalEndpoint}/{path}";

    /// <summary>
    /// How many others have connected. Makes a connection of its own: when that was taken, all before it were.
    /// </summary>
    public async Task<int> ConnectionsAsync()
    {
        using var last = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await last.ConnectAsync(_listener.LocalEndpoint);
        var own = new IPEndPoint(
            ((IPEndPoint)last.LocalEndPoint!).Address.MapToIPv4(),
            ((IPEndPoint)last.LocalEndPoint).Port
        );
        _own.Add(own);
        await Eventually.HoldsAsync(() => _taken.Any(taken => taken.Caller.Equals(own)), "its own connection is taken");
        return _taken.Count(taken => !_own.Contains(taken.Caller));
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _serving;
        foreach (var (socket, _) in _taken)
            socket.Dispose();
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptSocketAsync();
                _taken.Enqueue((socket, socket.RemoteEndPoint!));
            }
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException)
        {
            // The test is over.
        }
    }
}
