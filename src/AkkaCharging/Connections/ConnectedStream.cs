using System.Net.Sockets;

namespace AkkaCharging.Connections;

/// <summary>Makes streams of connected sockets.</summary>
internal static class ConnectedStream
{
    /// <summary>A stream that owns <paramref name="socket"/>.</summary>
    /// <remarks>
    /// The HTTP handler of .NET asks each new connection for its peer's address, outside of its own handling of errors.
    /// The address of a peer that has reset the connection by then cannot be had, and the exception would reach nobody
    /// who expects it. It is asked for here, where a failure is one of connecting; the socket remembers it.
    /// </remarks>
    /// <exception cref="SocketException">The peer has reset the connection.</exception>
    public static NetworkStream Of(Socket socket)
    {
        _ = socket.RemoteEndPoint;
        return new NetworkStream(socket, ownsSocket: true);
    }
}
