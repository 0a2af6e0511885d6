using AkkaCharging.Host.Http;

namespace AkkaCharging.Host.Cli;

/// <summary>Calls a listener of the service that runs on this machine with the same settings.</summary>
internal static class LoopbackHttp
{
    /// <summary>Creates a client whose base address is the listener.</summary>
    /// <param name="host">The listener's <c>host</c> setting.</param>
    public static HttpClient CreateClient(string host, int port, bool isTls, TimeSpan patience)
    {
        var handler = new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false };
#pragma warning disable CA5359 // This machine's own listener; its certificate is for another name than loopback's.
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        var scheme = isTls ? Uri.UriSchemeHttps : Uri.UriSchemeHttp;
        return new HttpClient(handler)
        {
            BaseAddress = new($"{scheme}://{Listener.LoopbackOf(host)}:{port}"),
            Timeout = patience,
        };
    }
}
