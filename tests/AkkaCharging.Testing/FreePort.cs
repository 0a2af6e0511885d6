using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace AkkaCharging.Testing;

/// <summary>Ports for processes that need to know theirs before they listen.</summary>
internal static class FreePort
{
    private const int Lowest = 10_000;

    /// <summary>
    /// The system gives a connection that goes out any port from here on, also one that a process has just left or is
    /// about to listen on.
    /// </summary>
    private static readonly int End = int.Parse(
        File.ReadAllText("/proc/sys/net/ipv4/ip_local_port_range").Split()[0],
        CultureInfo.InvariantCulture
    );

    /// <summary>Apart from where other processes began, whose ports may be given but not listened on yet.</summary>
    private static int _last = Environment.ProcessId * 100;

    /// <summary>
    /// A port of loopback that nobody listens on, that this process was not given before, and that no outgoing
    /// connection takes.
    /// </summary>
    public static int Next()
    {
        while (true)
        {
            var port = Lowest + (int)((uint)Interlocked.Increment(ref _last) % (uint)(End - Lowest));
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                // another process's
            }
        }
    }
}
