using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AkkaCharging.Testing.Cluster;

/// <summary>An authority that certifies nodes.</summary>
internal sealed class Authority : IDisposable
{
    /// <summary>Of every file.</summary>
    public const string Password = "p12-password";

    private const string Server = "1.3.6.1.5.5.7.3.1";
    private const string Client = "1.3.6.1.5.5.7.3.2";
    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _certificate;

    public Authority(string name)
    {
        var request = new CertificateRequest($"CN={name}", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(
                certificateAuthority: true,
                hasPathLengthConstraint: false,
                pathLengthConstraint: 0,
                critical: true
            )
        );
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        _certificate = request.CreateSelfSigned(Now.AddDays(-30), Now.AddDays(30));
    }

    /// <summary>As PEM, for those who trust it.</summary>
    public string Pem => _certificate.ExportCertificatePem();

    /// <summary>The authority's certificate without its key.</summary>
    public byte[] Certificate => _certificate.RawData;

    /// <summary>
    /// PKCS #12 of a node: its certificate, its key, and the certificates of the authorities that it trusts.
    /// </summary>
    /// <param name="days">That it is still valid for.</param>
    /// <param name="forServersAlone">Whether it is a web server's.</param>
    /// <param name="trusted">Null for this authority.</param>
    public byte[] Certify(string name, int days = 10, bool forServersAlone = false, Authority[]? trusted = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = Request(name, key, forServersAlone);
        request.CertificateExtensions.Add(
            X509AuthorityKeyIdentifierExtension.CreateFromCertificate(
                _certificate,
                includeKeyIdentifier: true,
                includeIssuerAndSerial: false
            )
        );
        using var signed = request.Create(
            _certificate,
            Now.AddDays(-20),
            Now.AddDays(days),
            RandomNumberGenerator.GetBytes(16)
        );
        using var certificate = signed.CopyWithPrivateKey(key);
        var file = new X509Certificate2Collection(certificate);
        foreach (var authority in trusted ?? [this])
            file.Add(X509CertificateLoader.LoadCertificate(authority.Certificate));
        return file.Export(X509ContentType.Pkcs12, Password)!;
    }

    /// <summary>PKCS #12 of a certificate that certifies itself.</summary>
    public static byte[] SelfSigned(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = Request(name, key).CreateSelfSigned(Now.AddDays(-20), Now.AddDays(10));
        return certificate.Export(X509ContentType.Pkcs12, Password);
    }

    public void Dispose()
    {
        _certificate.Dispose();
        _key.Dispose();
    }

    private static CertificateRequest Request(string name, ECDsa key, bool forServersAlone = false)
    {
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(
                certificateAuthority: false,
                hasPathLengthConstraint: false,
                pathLengthConstraint: 0,
                critical: true
            )
        );
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true)
        );
        request.CertificateExtensions.Add(
            new X509EnhancedKeyUsageExtension(
                forServersAlone ? [new Oid(Server)] : [new Oid(Server), new Oid(Client)],
                critical: false
            )
        );
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        return request;
    }
}
