using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AkkaCharging.Connections;
using AkkaCharging.Host.Http;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Cli;

/// <summary>Calls a listener of the service that runs on this machine with the same settings.</summary>
internal static class LoopbackHttp
{
    /// <summary>Creates a client whose base address is the listener, for requests without a secret.</summary>
    /// <param name="host">The listener's <c>host</c> setting.</param>
    /// <remarks>
    /// Accepts any certificate: a probe has to be answered too while a replaced certificate file cannot be used, which
    /// health reports.
    /// </remarks>
    public static HttpClient CreateProbe(string host, int port, bool isTls, TimeSpan patience)
    {
        var handler = CreateHandler();
#pragma warning disable CA5359 // nothing is sent that another program could use
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        return CreateClient(handler, host, port, isTls, patience);
    }

    /// <summary>Creates a client whose base address is the operators' listener, for requests with a token.</summary>
    /// <remarks>
    /// Over TLS, the listener has to present the certificate that the same settings name, or one that is valid for its
    /// host. Without TLS, its address has to be one of this machine, whatever the name of the host leads to.
    /// </remarks>
    /// <exception cref="IOException">The certificate cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The certificate cannot be read.</exception>
    /// <exception cref="OperatorException">The file contains no certificate.</exception>
    public static HttpClient CreateForOperators(ManagementSettings settings, TimeSpan patience)
    {
        var handler = CreateHandler();
        if (settings.Tls.IsOn)
        {
            var own = ReadCertificate(settings.Tls.CertificateFile);
            handler.SslOptions = PeerCertificates.Options();
            handler.SslOptions.RemoteCertificateValidationCallback = (_, presented, _, errors) =>
                errors == SslPolicyErrors.None || IsSame(own, presented)
                    ? true
                    : throw new AuthenticationException(
                        "Its certificate is not that of management.tls.certificateFile, and not valid for its host."
                    );
        }
        else
            handler.ConnectCallback = ConnectHereAsync;
        return CreateClient(handler, settings.Host, settings.Port, settings.Tls.IsOn, patience);
    }

    /// <summary>Whether a connection stays on this machine.</summary>
    /// <remarks>Only a connection to one of its own addresses has the same address at both ends.</remarks>
    internal static bool IsHere(IPAddress local, IPAddress remote) =>
        local.Equals(remote) || IPAddress.IsLoopback(remote.IsIPv4MappedToIPv6 ? remote.MapToIPv4() : remote);

    private static async ValueTask<Stream> ConnectHereAsync(
        SocketsHttpConnectionContext context,
        CancellationToken cancellation
    )
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(context.DnsEndPoint, cancellation);
            return IsHere(((IPEndPoint)socket.LocalEndPoint!).Address, ((IPEndPoint)socket.RemoteEndPoint!).Address)
                ? new NetworkStream(socket, ownsSocket: true)
                : throw new IOException("The host leads to another machine, to which no token is sent without TLS.");
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static X509Certificate2 ReadCertificate(string file)
    {
        try
        {
            return X509Certificate2.CreateFromPem(File.ReadAllText(file));
        }
        catch (CryptographicException e)
        {
            throw new OperatorException($"management.tls.certificateFile contains no certificate: {e.Message}", e);
        }
    }

    // Equals would compare issuer and serial number only, which anyone can copy.
    private static bool IsSame(X509Certificate2 own, X509Certificate? presented) =>
        presented is not null && own.RawDataMemory.Span.SequenceEqual(presented.GetRawCertData());

    private static SocketsHttpHandler CreateHandler() => new() { UseProxy = false, AllowAutoRedirect = false };

    private static HttpClient CreateClient(
        SocketsHttpHandler handler,
        string host,
        int port,
        bool isTls,
        TimeSpan patience
    )
    {
        var scheme = isTls ? Uri.UriSchemeHttps : Uri.UriSchemeHttp;
        return new HttpClient(handler)
        {
            BaseAddress = new($"{scheme}://{Listener.LoopbackOf(host)}:{port}"),
            Timeout = patience,
        };
    }
}
