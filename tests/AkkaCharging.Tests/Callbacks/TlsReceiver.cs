using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.Callbacks;

/// <summary>Certificates of an authority that exists for one test, and receivers that show them.</summary>
internal sealed class TlsReceiver : IDisposable
{
    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public TlsReceiver()
    {
        var request = new CertificateRequest("CN=Authority of a test", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(
                certificateAuthority: true,
                hasPathLengthConstraint: false,
                pathLengthConstraint: 0,
                critical: true
            )
        );
        Authority = request.CreateSelfSigned(Now.AddYears(-2), Now.AddYears(2));
    }

    public X509Certificate2 Authority { get; }

    /// <summary>A certificate for 127.0.0.1, signed by the authority and valid now.</summary>
    public X509Certificate2 Good() => Issue(IPAddress.Loopback, Now.AddYears(1));

    public X509Certificate2 Expired() => Issue(IPAddress.Loopback, Now.AddDays(-1));

    public X509Certificate2 ForAnotherAddress() => Issue(IPAddress.Parse("127.0.0.2"), Now.AddYears(1));

    public X509Certificate2 SelfSigned() =>
        Exportable(Request(IPAddress.Loopback).CreateSelfSigned(Now.AddDays(-2), Now.AddYears(1)));

    /// <summary>Speaks TLS with <paramref name="certificate"/>, then answers 204 to whatever it reads.</summary>
    public static RawReceiver Start(X509Certificate2 certificate) =>
        new(
            async (_, socket) =>
            {
                try
                {
                    await using var tls = new SslStream(new NetworkStream(socket));
                    await tls.AuthenticateAsServerAsync(certificate);
                    await tls.ReadExactlyAsync(new byte[100]);
                    await tls.WriteAsync("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"u8.ToArray());
                }
                catch (System.Security.Authentication.AuthenticationException)
                {
                    // The client did not trust it.
                }
            },
            readsFirst: false
        );

    public void Dispose()
    {
        Authority.Dispose();
        _key.Dispose();
    }

    private X509Certificate2 Issue(IPAddress address, DateTimeOffset notAfter)
    {
        using var issued = Request(address).Create(Authority, Now.AddDays(-2), notAfter, serialNumber: [1, 2, 3, 4]);
        return Exportable(issued.CopyWithPrivateKey(_key));
    }

    private CertificateRequest Request(IPAddress address)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(address);
        var request = new CertificateRequest("CN=A receiver", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(names.Build());
        return request;
    }

    /// <summary>Some platforms let TLS use a key only if it was read from a file.</summary>
    private static X509Certificate2 Exportable(X509Certificate2 certificate)
    {
        using (certificate)
            return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), password: null);
    }
}
