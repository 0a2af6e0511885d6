using System.Security.Cryptography.X509Certificates;

namespace AkkaCharging.Tests.Connections;

internal static class Trusting
{
    /// <summary>
    /// Has the handler's own policy trust the authority of a test and no other; all else of it stays.
    /// </summary>
    public static void Trust(this SocketsHttpHandler handler, X509Certificate2 authority)
    {
        var policy = handler.SslOptions.CertificateChainPolicy!;
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        policy.CustomTrustStore.Add(authority);
    }
}
