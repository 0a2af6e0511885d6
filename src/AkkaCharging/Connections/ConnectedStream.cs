using System.Net.Sockets;

namespace AkkaCharging.Connections;

/// <summary>A stream that owns its connected socket.</summary>
internal sealed class ConnectedStream : NetworkStream
{
    private Action? _closed;

    private ConnectedStream(Socket socket, Action? closed)
        : base(socket, ownsSocket: true) => _closed = closed;

    /// <summary>Creates a stream that owns <paramref name="socket"/>.</summary>
    /// <remarks>
    /// .NET's HTTP handler reads the peer's address of each new connection outside of its own error handling. That
    /// fails when the peer has reset the connection by then, and nothing would catch the exception. This method
    /// therefore reads the address first, where a failure is a connection failure; the socket caches it.
    /// </remarks>
    /// <param name="closed">Called once, when the socket is closed.</param>
    /// <exception cref="SocketException">The peer has reset the connection.</exception>
    public static ConnectedStream Of(Socket socket, Action? closed = null)
    {
        _ = socket.RemoteEndPoint;
        return new ConnectedStream(socket, closed);
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        Interlocked.Exchange(ref _closed, null)?.Invoke();
    }
}
