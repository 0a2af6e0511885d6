using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace AkkaCharging.Connections;

/// <summary>
/// Validates certificates of other parties with the certificates they send and those this machine trusts, without
/// downloads.
/// </summary>
/// <remarks>
/// By default .NET completes a chain with a missing issuer by downloading it from the address that the certificate
/// names: a connection that no address policy has checked, to any place a stranger chooses, on a blocked pool thread.
/// So a peer has to send its intermediate certificates with its own. <c>Runtime.props</c> of the host also prevents
/// downloads for chains that other libraries build on their own.
/// </remarks>
internal static class PeerCertificates
{
    /// <summary>The versions of TLS that the service speaks, whatever the system's configuration allows.</summary>
    public const SslProtocols Versions = SslProtocols.Tls12 | SslProtocols.Tls13;

    /// <summary>
    /// Creates a policy for one component, which may add trusted certificates to it. SslStream copies it for each
    /// connection, so one policy serves all connections of a handler.
    /// </summary>
    /// <remarks>
    /// The policy overrides whether the owner of the connection asks for revocation checks. SslStream also compares the
    /// names.
    /// </remarks>
    public static X509ChainPolicy Policy() =>
        new() { DisableCertificateDownloads = true, RevocationMode = X509RevocationMode.NoCheck };

    /// <summary>Creates the options of a handler that connects to other parties.</summary>
    public static SslClientAuthenticationOptions Options()
    {
        var options = new SslClientAuthenticationOptions();
        Judge(options);
        return options;
    }

    /// <summary>Applies policy and versions to <paramref name="options"/>, which a library created.</summary>
    /// <remarks>
    /// Npgsql calls this for each connection, and adds the root certificates of the connection string to the policy.
    /// </remarks>
    public static void Judge(SslClientAuthenticationOptions options) =>
        (options.CertificateChainPolicy, options.EnabledSslProtocols) = (Policy(), Versions);
}
