using System.Security.Cryptography.X509Certificates;

namespace AkkaCharging.Connections;

/// <summary>
/// How the certificate of another party is judged: by what that party shows and this machine trusts, and nobody else is
/// asked.
/// </summary>
/// <remarks>
/// Left to itself .NET builds a chain whose issuer is missing by fetching it from the address that the certificate
/// names: a connection that no address policy has seen, to wherever a stranger wants, on a blocked thread of the pool.
/// So whoever is connected to has to show the intermediate certificates with its own. The host in <c>Runtime.props</c>
/// has a second fence, for chains that the libraries below build without being asked.
/// </remarks>
internal static class PeerCertificates
{
    /// <summary>
    /// For one user, who may add what is trusted: SslStream works on a copy for each connection, so that one policy
    /// serves all connections of a handler.
    /// </summary>
    /// <remarks>
    /// It overrules whether the owner of the connection asks for revocation checks. Names are compared besides, by
    /// SslStream.
    /// </remarks>
    public static X509ChainPolicy Policy() =>
        new() { DisableCertificateDownloads = true, RevocationMode = X509RevocationMode.NoCheck };
}
