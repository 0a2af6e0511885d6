using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AkkaCharging.Host;

/// <summary>Where the service listens.</summary>
internal static class Listener
{
    /// <summary>Listens on <paramref name="host"/>: an address, <c>localhost</c>, or a name of this machine.</summary>
    public static void Listen(this KestrelServerOptions kestrel, string host, int port)
    {
        if (IPAddress.TryParse(host, out var address))
            kestrel.Listen(address, port);
        else if (string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase))
            kestrel.ListenLocalhost(port);
        else
            kestrel.Listen(Dns.GetHostAddresses(host)[0], port);
    }

    /// <summary>How this machine itself reaches a listener on <paramref name="host"/>.</summary>
    public static string LoopbackOf(string host) => host switch
    {
        "0.0.0.0" => "127.0.0.1",
        "::" => "[::1]",
        _ => host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host,
    };
}
