using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AkkaCharging.Host;

/// <summary>Where the service listens.</summary>
internal static class Listener
{
    /// <summary>Listens on <paramref name="host"/>: an address, <c>*</c> for all of them, <c>localhost</c>, or a name of this machine.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">No such name is known.</exception>
    public static void Listen(this KestrelServerOptions kestrel, string host, int port)
    {
        if (IsAny(host))
            kestrel.ListenAnyIP(port);
        else if (IPAddress.TryParse(host, out var address))
            kestrel.Listen(address, port);
        else if (IsLocalhost(host) && port > 0)
            kestrel.ListenLocalhost(port);
        else if (IsLocalhost(host))
            kestrel.Listen(IPAddress.Loopback, port); // Kestrel finds no port that is free for both families
        else
            kestrel.Listen(Dns.GetHostAddresses(host)[0], port);
    }

    /// <summary>How this machine itself reaches a listener on <paramref name="host"/>: as the host of a URL.</summary>
    public static string LoopbackOf(string host)
    {
        if (IsAny(host))
            return "127.0.0.1";
        if (!IPAddress.TryParse(host, out var address))
            return host;
        if (address.Equals(IPAddress.Any))
            return "127.0.0.1";
        return address.Equals(IPAddress.IPv6Any) ? "[::1]" : host.Contains(':', StringComparison.Ordinal) ? $"[{address}]" : host;
    }

    private static bool IsAny(string host) => host is "*" or "+";

    private static bool IsLocalhost(string host) => string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase);
}
