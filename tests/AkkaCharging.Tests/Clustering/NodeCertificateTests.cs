using System.Security.Cryptography.X509Certificates;
using AkkaCharging.Clustering;
using AkkaCharging.Settings;
using AkkaCharging.Testing.Cluster;

namespace AkkaCharging.Tests.Clustering;

[Trait("Category", "Unit")]
public sealed class NodeCertificateTests : IDisposable
{
    private readonly Authority _authority = new("the cluster's authority");
    private readonly Authority _other = new("the cluster's authority"); // by the same name
    private readonly string _file = Path.GetTempFileName();

    public void Dispose()
    {
        _authority.Dispose();
        _other.Dispose();
        File.Delete(_file);
    }

    [Fact]
    public void CertificateOfTheAuthority_IsANodes()
    {
        var node = Read(_authority.Certify("node-1"));

        Assert.Null(Fault(node, _authority.Certify("node-2")));
        Assert.Null(Fault(node, _authority.Certify("node-3", trusted: [])));
    }

    [Fact]
    public void OtherCertificates_AreNoNodes()
    {
        var node = Read(_authority.Certify("node-1"));

        Assert.Equal("no certificate was presented", node.Fault(null));
        Assert.Equal("NotTimeValid", Fault(node, _authority.Certify("node-2", days: -1)));
        Assert.Equal("NotValidForUsage", Fault(node, _authority.Certify("node-2", forServersAlone: true)));
        foreach (
            var stranger in new[]
            {
                _other.Certify("node-2"),
                _other.Certify("node-2", trusted: [_authority]),
                Authority.SelfSigned("node-1"),
                Authority.SelfSigned("the cluster's authority"),
            }
        )
            Assert.NotNull(Fault(node, stranger));
    }

    [Fact]
    public void SeveralAuthorities_AreTrusted_WhileOneTakesTheOthersPlace()
    {
        var node = Read(_authority.Certify("node-1", trusted: [_authority, _other]));

        Assert.Null(Fault(node, _authority.Certify("node-2")));
        Assert.Null(Fault(node, _other.Certify("node-3")));
    }

    [Fact]
    public void SelfSignedCertificate_TrustsItselfAlone()
    {
        var shared = Authority.SelfSigned("nodes");
        var node = Read(shared);

        Assert.Null(Fault(node, shared));
        Assert.NotNull(Fault(node, Authority.SelfSigned("nodes")));
        Assert.NotNull(Fault(node, _authority.Certify("nodes")));
    }

    [Fact]
    public void FileThatIsOfNoUse_IsRefused_WithWhatIsExpected()
    {
        var withoutKey = X509CertificateLoader
            .LoadCertificate(_authority.Certificate)
            .Export(X509ContentType.Pkcs12, Authority.Password);

        Assert.StartsWith(
            "cannot be read with cluster.tls.password: ",
            Problem("nonsense"u8.ToArray()),
            StringComparison.Ordinal
        );
        Assert.StartsWith(
            "cannot be read with cluster.tls.password: ",
            Problem(_authority.Certify("node-1"), password: "wrong"),
            StringComparison.Ordinal
        );
        Assert.Equal(
            "contains no private key, or several; expected this node's certificate with its key, and its "
                + "authority's certificate without one.",
            Problem(withoutKey)
        );
        Assert.Equal(
            "contains no self-signed certificate; expected the certificate of the authority that issued the nodes' "
                + "certificates.",
            Problem(_authority.Certify("node-1", trusted: []))
        );
        Assert.Equal(
            "contains a certificate that other nodes would reject: NotTimeValid",
            Problem(_authority.Certify("node-1", days: -1))
        );
        Assert.Equal(
            "contains a certificate that other nodes would reject: NotValidForUsage",
            Problem(_authority.Certify("node-1", forServersAlone: true))
        );
        File.Delete(_file);
        Assert.StartsWith(
            "cannot be read",
            Assert.Single(Assert.Throws<InvalidSettingsException>(() => NodeCertificate.Read(new(_file, ""))).Problems)[
                Prefix.Length..
            ],
            StringComparison.Ordinal
        );
    }

    private string Prefix => $"cluster.tls.certificateFile = '{_file}' ";

    private NodeCertificate Read(byte[] file, string password = Authority.Password)
    {
        File.WriteAllBytes(_file, file);
        return NodeCertificate.Read(new ClusterTlsSettings(_file, password));
    }

    private string Problem(byte[] file, string password = Authority.Password)
    {
        var problem = Assert.Single(Assert.Throws<InvalidSettingsException>(() => Read(file, password)).Problems);
        Assert.StartsWith(Prefix, problem, StringComparison.Ordinal);
        return problem[Prefix.Length..];
    }

    /// <summary>
    /// Returns why a node rejects a peer with the certificate whose key is in <paramref name="file"/>.
    /// </summary>
    private static string? Fault(NodeCertificate node, byte[] file) =>
        node.Fault(
            X509CertificateLoader
                .LoadPkcs12Collection(file, Authority.Password)
                .Single(certificate => certificate.HasPrivateKey)
        );
}
