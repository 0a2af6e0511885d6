using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AkkaCharging.Testing.Tls;

/// <summary>
/// A certificate for 127.0.0.1 that names a trap as the place of its issuer, its status and its revocation list; and
/// the two that it comes from.
/// </summary>
internal sealed class LeadingCertificate : IDisposable
{
    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();

    public LeadingCertificate(FetchTrap trap)
    {
        ArgumentNullException.ThrowIfNull(trap);
        using var root = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var middle = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Authority = Issuer("CN=Authority", root).CreateSelfSigned(Now.AddDays(-30), Now.AddDays(30));
        Intermediate = Issuer("CN=Intermediate", middle)
            .Create(Authority, Now.AddDays(-20), Now.AddDays(20), [1])
            .CopyWithPrivateKey(middle);

        var request = new CertificateRequest("CN=Leaf", own, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(
            new X509AuthorityInformationAccessExtension([trap.Url("ocsp")], [trap.Url("issuer")])
        );
        request.CertificateExtensions.Add(
            CertificateRevocationListBuilder.BuildCrlDistributionPointExtension([trap.Url("crl")])
        );
        using var leaf = request.Create(Intermediate, Now.AddDays(-10), Now.AddDays(10), [2]).CopyWithPrivateKey(own);
        // some platforms let TLS use a key only if it was read from a file
        Leaf = X509CertificateLoader.LoadPkcs12(leaf.Export(X509ContentType.Pkcs12), password: null);
    }

    public X509Certificate2 Authority { get; }

    public X509Certificate2 Intermediate { get; }

    public X509Certificate2 Leaf { get; }

    /// <summary>Speaks TLS with the leaf, then answers <paramref name="answer"/> to whatever it reads.</summary>
    /// <param name="isComplete">Whether it shows the intermediate too.</param>
    /// <param name="isPostgres">Whether TLS is asked for in the manner of PostgreSQL.</param>
    public RawReceiver Receiver(
        bool isComplete,
        bool isPostgres = false,
        string answer = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    )
    {
        var shown = SslStreamCertificateContext.Create(Leaf, isComplete ? [Intermediate] : null, offline: true);
        return new(
            async (receiver, socket) =>
            {
                await using var stream = new NetworkStream(socket);
                if (isPostgres)
                {
                    await stream.ReadExactlyAsync(new byte[8]);
                    stream.WriteByte((byte)'S');
                }

                try
                {
                    await using var tls = new SslStream(stream);
                    await tls.AuthenticateAsServerAsync(
                        new SslServerAuthenticationOptions { ServerCertificateContext = shown }
                    );
                    if (await tls.ReadAsync(new byte[4_096]) == 0)
                        return;
                    await tls.WriteAsync(System.Text.Encoding.ASCII.GetBytes(answer));
                    receiver.Wrote(answer.Length);
                }
                catch (AuthenticationException)
                {
                    // The client did not trust it.
                }
            },
            readsFirst: false
        );
    }

    public void Dispose()
    {
        Authority.Dispose();
        Intermediate.Dispose();
        Leaf.Dispose();
    }

    private static CertificateRequest Issuer(string name, ECDsa key)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(
                certificateAuthority: true,
                hasPathLengthConstraint: false,
                pathLengthConstraint: 0,
                critical: true
            )
        );
        return request;
    }
}
