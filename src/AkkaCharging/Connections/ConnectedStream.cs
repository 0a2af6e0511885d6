using System.Net.Sockets;

namespace AkkaCharging.Connections;

/// <summary>Creates streams of connected sockets.</summary>
internal static class ConnectedStream
{
    /// <summary>Creates a stream that owns <paramref name="socket"/>.</summary>
    /// <remarks>
    /// .NET's HTTP handler reads the peer's address of each new connection outside of its own error handling. That
    /// fails when the peer has reset the connection by then, and nothing would catch the exception. This method
    /// therefore reads the address first, where a failure is a connection failure; the socket caches it.
    /// </remarks>
    /// <exception cref="SocketException">The peer has reset the connection.</exception>
    public static NetworkStream Of(Socket socket)
    {
        _ = socket.RemoteEndPoint;
        return new NetworkStream(socket, ownsSocket: true);
    }
}
