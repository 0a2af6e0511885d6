using System.Net;
using AkkaCharging.Connections;

namespace AkkaCharging.AddressPolicy;

/// <summary>The HTTP handler for callbacks: every way around the address policy is switched off.</summary>
internal static class CallbackHttpHandler
{
    /// <summary>
    /// Longest life of a pooled connection; the longest an address is used without being vetted again.
    /// </summary>
    public static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(2);

    private const int ResponseHeaderKilobytesMax = 16;
    private const int DrainedBytesMax = 4_096;

    /// <summary>Makes a handler whose connections all come from <paramref name="connector"/>.</summary>
    /// <remarks>
    /// Errors: what the connector throws arrives as the inner exception of an <see cref="HttpRequestException"/>, see
    /// <see cref="AddressRefusedException"/>. A redirect is returned as the answer it is: followed, it would lead to a
    /// URL nobody vetted, with the body and its signature.
    /// </remarks>
    /// <param name="connectTimeout">For look-up, TCP and TLS together.</param>
    /// <param name="keepsConnections">False opens a connection for each request.</param>
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
            PlaintextStreamFilter = static (context, _) => new(new ExchangeStream(context.PlaintextStream)),
            ConnectTimeout = connectTimeout,
            // a receiver's certificate would have other addresses connected to
            SslOptions = { CertificateChainPolicy = PeerCertificates.Policy() },
            AllowAutoRedirect = false,
            UseProxy = false, // also not the one of HTTP_PROXY, which would resolve the name itself
            UseCookies = false,
            Credentials = null,
            PreAuthenticate = false,
            AutomaticDecompression = DecompressionMethods.None, // no zip bombs; nobody reads the body
            PooledConnectionLifetime = keepsConnections ? ConnectionLifetime : TimeSpan.Zero,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
            MaxResponseHeadersLength = ResponseHeaderKilobytesMax,
            MaxResponseDrainSize = DrainedBytesMax, // a longer unread body costs the connection
            ActivityHeadersPropagator = null, // our trace ids are not the receiver's business
        };
    }
}
