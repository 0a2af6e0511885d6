using System.Net;
using System.Net.Sockets;
using AkkaCharging.Settings;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AkkaCharging.Host.Http;

/// <summary>Opens the listeners.</summary>
internal static class Listener
{
    /// <summary>
    /// Listens on <paramref name="host"/>: an address, <c>*</c> for all of them, <c>localhost</c>, or a name of this
    /// machine.
    /// </summary>
    /// <param name="block">The name of the listener's settings block.</param>
    /// <exception cref="CannotListenException">The name cannot be resolved.</exception>
    public static void Listen(
        this KestrelServerOptions kestrel,
        string block,
        string host,
        int port,
        Action<ListenOptions>? configure = null
    )
    {
        configure ??= _ => { };
        if (IsAny(host))
            kestrel.ListenAnyIP(port, configure);
        else if (IPAddress.TryParse(host, out var address))
            kestrel.Listen(address, port, configure);
        else if (IsLocalhost(host) && port > 0)
            kestrel.ListenLocalhost(port, configure);
        else if (IsLocalhost(host))
            kestrel.Listen(IPAddress.Loopback, port, configure); // Kestrel cannot choose a port for both families
        else
            kestrel.Listen(AddressOf(block, host, port), port, configure);
    }

    /// <summary>Starts <paramref name="app"/>, which opens both listeners, and logs their addresses.</summary>
    /// <exception cref="CannotListenException">A listener cannot be opened.</exception>
    /// <exception cref="OperationCanceledException">The service was already stopped.</exception>
    public static async Task OpenAsync(this WebApplication app, ChargingSettings settings)
    {
        try
        {
            await app.StartAsync(CancellationToken.None);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // Kestrel's exceptions for a port in use, and for an address or a port that this process cannot use.
            throw AddressesOf(app).Count == 0
                ? new CannotListenException("server", settings.Server.Host, settings.Server.Port, e)
                : new CannotListenException("management", settings.Management.Host, settings.Management.Port, e);
        }

        var operators = ManagementAddressOf(app);
        app.Logger.LogInformation("The operators' API listens on {ManagementAddress}", operators);
        app.Logger.LogInformation("The operators' console is at {Console}", new Uri(operators, "console"));
        if (settings.Server.Development)
            app.Logger.LogInformation("The API can be tried at {Docs}", new Uri(PublicAddressOf(app), "docs"));
    }

    /// <summary>Returns the public address of <paramref name="app"/>, once started.</summary>
    public static Uri PublicAddressOf(WebApplication app) => new(AddressesOf(app).First());

    /// <summary>Returns the address of the operators' listener of <paramref name="app"/>, once started.</summary>
    public static Uri ManagementAddressOf(WebApplication app) => new(AddressesOf(app).Last());

    private static ICollection<string> AddressesOf(WebApplication app) =>
        // The addresses are in the order in which the listeners were opened.
        app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;

    private static IPAddress AddressOf(string block, string host, int port)
    {
        try
        {
            return Dns.GetHostAddresses(host)[0];
        }
        catch (SocketException e)
        {
            throw new CannotListenException(block, host, port, e);
        }
    }

    /// <summary>Returns the URL host at which this machine reaches a listener on <paramref name="host"/>.</summary>
    public static string LoopbackOf(string host)
    {
        if (IsAny(host))
            return "127.0.0.1";
        if (!IPAddress.TryParse(host, out var address))
            return host;
        if (address.Equals(IPAddress.Any))
            return "127.0.0.1";
        return address.Equals(IPAddress.IPv6Any) ? "[::1]"
            : host.Contains(':', StringComparison.Ordinal) ? $"[{address}]"
            : host;
    }

    private static bool IsAny(string host) => host is "*" or "+";

    private static bool IsLocalhost(string host) =>
        string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase);
}

/// <summary>A listener cannot be opened; the message names its settings.</summary>
internal sealed class CannotListenException(string block, string host, int port, Exception inner)
    : Exception(
        $"Cannot listen on {block}.host = '{ShownValue.Of(host)}', {block}.port = {port}: "
            + $"{inner.Message.TrimEnd('.')}. {RemedyOf(block, inner)}",
        inner
    )
{
    private static string RemedyOf(string block, Exception inner) =>
        (inner.GetBaseException() as SocketException)?.SocketErrorCode switch
        {
            SocketError.AddressAlreadyInUse =>
                $"Another program listens there, or this service does already: stop it, or set {block}.port.",
            SocketError.AccessDenied =>
                $"This user may not listen there: set {block}.port to 1024 or above, or permit the process.",
            _ => $"Set {block}.host to an address or a name of this machine.",
        };
}
