using System.Net;
using AkkaCharging.Connections;

namespace AkkaCharging.AddressPolicy;

/// <summary>Creates the HTTP handler for callbacks, with every way around the address policy switched off.</summary>
internal static class CallbackHttpHandler
{
    /// <summary>
    /// Maximum lifetime of a pooled connection, and so the longest that an address is used without being vetted again.
    /// </summary>
    public static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(2);

    private const int ResponseHeaderKilobytesMax = 16;
    private const int DrainedBytesMax = 4_096;

    /// <summary>Creates a handler that opens all of its connections through <paramref name="connector"/>.</summary>
    /// <remarks>
    /// Errors: what the connector throws arrives as the inner exception of an <see cref="HttpRequestException"/>, see
    /// <see cref="AddressRefusedException"/>. Redirects are returned, not followed: following one would send the body
    /// and its signature to a URL that was not vetted.
    /// </remarks>
    /// <param name="connectTimeout">Time-out of look-up, TCP and TLS together.</param>
    /// <param name="keepsConnections">Whether connections are reused; false opens one for each request.</param>
    public static SocketsHttpHandler Create(
        VettedConnector connector,
        TimeSpan connectTimeout,
        bool keepsConnections = true
    )
    {
        ArgumentNullException.ThrowIfNull(connector);
        return new SocketsHttpHandler
        {
            ConnectCallback = connector.ConnectAsync,
            PlaintextStreamFilter = (context, _) => new(connector.Connections.Exchange(context.PlaintextStream)),
            ConnectTimeout = connectTimeout,
            // A receiver's certificate could otherwise make .NET connect to other addresses.
            SslOptions = PeerCertificates.Options(),
            AllowAutoRedirect = false,
            UseProxy = false, // a proxy of HTTP_PROXY would resolve the name itself
            UseCookies = false,
            Credentials = null,
            PreAuthenticate = false,
            AutomaticDecompression = DecompressionMethods.None, // no zip bombs; the body is not read
            PooledConnectionLifetime = keepsConnections ? ConnectionLifetime : TimeSpan.Zero,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
            MaxResponseHeadersLength = ResponseHeaderKilobytesMax,
            MaxResponseDrainSize = DrainedBytesMax, // the connection of a longer unread body is closed
            ActivityHeadersPropagator = null, // receivers get no trace ids
        };
    }
}
