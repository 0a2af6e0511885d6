using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Akka.Event;
using Akka.Remote.Transport.DotNetty;
using AkkaCharging.Connections;
using AkkaCharging.Settings;

namespace AkkaCharging.Clustering;

/// <summary>The certificate by which a node authenticates itself and validates other nodes.</summary>
/// <remarks>
/// Only the self-signed certificates in the node's own file are trusted: the authority's certificate, or the node's own
/// when all nodes share one. The machine's store is ignored. It holds a hundred public authorities, and names are not
/// compared, so any web server's certificate would pass for a node's.
/// </remarks>
internal sealed class NodeCertificate
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private readonly X509Certificate2 _own;
    private readonly X509Certificate2Collection _file;

    private NodeCertificate(X509Certificate2 own, X509Certificate2Collection file) => (_own, _file) = (own, file);

    /// <summary>The settings for Akka.Remote: both sides of a connection authenticate themselves.</summary>
    public DotNettySslSetup Setup =>
        new(
            _own,
            suppressValidation: false,
            requireMutualAuthentication: true,
            (other, _, peer, _, log) => IsNode(other, peer, log)
        );

    /// <summary>Reads the file that <paramref name="settings"/> name.</summary>
    /// <exception cref="InvalidSettingsException">The file cannot be read, or lacks what a node needs.</exception>
    public static NodeCertificate Read(ClusterTlsSettings settings)
    {
        X509Certificate2Collection file;
        try
        {
            file = X509CertificateLoader.LoadPkcs12CollectionFromFile(settings.CertificateFile, settings.Password);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw Unusable(
                $"cannot be read with cluster.tls.password: {ShownValue.Reason(e, settings.CertificateFile)}",
                e
            );
        }

        if (file.Where(certificate => certificate.HasPrivateKey).ToList() is not [var own])
            throw Unusable(
                "contains no private key, or several; expected this node's certificate with its key, and its "
                    + "authority's certificate without one."
            );
        if (!file.Any(IsSelfSigned))
            throw Unusable(
                "contains no self-signed certificate; expected the certificate of the authority that issued the "
                    + "nodes' certificates."
            );
        var node = new NodeCertificate(own, file);
        return node.Fault(own) is { } fault
            ? throw Unusable($"contains a certificate that other nodes would reject: {fault}")
            : node;

        InvalidSettingsException Unusable(string problem, Exception? cause = null) =>
            new([$"cluster.tls.certificateFile = '{ShownValue.OfFile(settings.CertificateFile)}' {problem}"], cause);
    }

    /// <summary>
    /// Returns why <paramref name="other"/> is rejected as a node's certificate; null when it is accepted.
    /// </summary>
    internal string? Fault(X509Certificate2? other)
    {
        if (other is null)
            return "no certificate was presented";
        using var chain = new X509Chain { ChainPolicy = PeerCertificates.Policy() };
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        foreach (var certificate in _file)
            (IsSelfSigned(certificate) ? chain.ChainPolicy.CustomTrustStore : chain.ChainPolicy.ExtraStore).Add(
                certificate
            );
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        return chain.Build(other)
            ? null
            : string.Join(", ", chain.ChainStatus.Select(status => status.Status).Distinct());
    }

    private bool IsNode(X509Certificate2? other, string peer, ILoggingAdapter log)
    {
        if (Fault(other) is not { } fault)
            return true;
        log.Warning("{0} is rejected as a node: {1} ({2})", peer, fault, other?.Subject);
        return false;
    }

    private static bool IsSelfSigned(X509Certificate2 certificate) =>
        certificate.SubjectName.RawData.AsSpan().SequenceEqual(certificate.IssuerName.RawData);
}
