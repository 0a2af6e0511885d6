using AkkaCharging.Host.Admin;
using AkkaCharging.Host.Connections;
using AkkaCharging.Host.Http;
using AkkaCharging.Host.Lifetime;
using AkkaCharging.Settings;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace AkkaCharging.Host.Composition;

/// <summary>Configures Kestrel with both listeners.</summary>
internal static class ServerHosting
{
    // Kestrel counts the framing of chunks, up to 5 bytes for each byte of the body; BodyReader enforces the limit of
    // the body itself.
    private const long ChunkFramingFactor = 8;

    // Limits of body bytes that no request has read yet, which .NET would let grow to 1 MiB per connection. Bodies are
    // passed on in parts, so that they may be longer.
    private const int Http2ConnectionWindowBytes = 131_072;
    private const int Http2StreamWindowBytes = 65_536;

    /// <summary>Configures the public and the operators' listener.</summary>
    public static void AddChargingServer(
        this WebApplicationBuilder builder,
        ServerSettings server,
        ManagementSettings management,
        FileBudget files
    )
    {
        builder.Services.AddSingleton(files).AddSingleton<BoundedTransport>();
        builder.Services.AddSingleton(provider => CreateCertificates(server, management, provider));
        // Registered after Kestrel's own, because Kestrel uses the last one.
        builder.Services.AddSingleton<IConnectionListenerFactory>(provider =>
            provider.GetRequiredService<BoundedTransport>()
        );
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = server.MaxRequestBodyBytes * ChunkFramingFactor;
            kestrel.Limits.RequestHeadersTimeout = server.RequestTimeout;
            kestrel.Limits.KeepAliveTimeout = server.KeepAlive;
            // A slow body is limited by server.requestTimeoutMillis and answered 408.
            kestrel.Limits.MinRequestBodyDataRate = null;
            // Callers are servers. What was written earlier counts, too: with .NET's 240 bytes a second, a caller that
            // reads nothing would have minutes.
            kestrel.Limits.MinResponseDataRate = new(bytesPerSecond: 10_000, gracePeriod: TimeSpan.FromSeconds(5));
            kestrel.Limits.Http2.InitialConnectionWindowSize = Http2ConnectionWindowBytes;
            kestrel.Limits.Http2.InitialStreamWindowSize = Http2StreamWindowBytes;
            var transport = kestrel.ApplicationServices.GetRequiredService<BoundedTransport>();
            var certificates = kestrel.ApplicationServices.GetRequiredService<ListenerCertificates>();
            kestrel.Listen(
                "server",
                server.Host,
                server.Port,
                listener =>
                {
                    transport.Bound(listener, transport.Callers);
                    Secure(listener, certificates.Callers);
                }
            );
            kestrel.Listen(
                "management",
                management.Host,
                management.Port,
                listener =>
                {
                    transport.Bound(listener, transport.Operators);
                    Secure(listener, certificates.Operators);
                    ManagementListener.IsForOperators(listener);
                }
            );
        });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = ChargingLifetime.Bound(server));
        builder.Services.AddCors(cors =>
            cors.AddDefaultPolicy(policy =>
                policy
                    .WithOrigins([.. server.CorsAllowedOrigins])
                    .AllowAnyHeader()
                    .WithMethods("GET", "POST")
                    .WithExposedHeaders("Retry-After", "RateLimit", "RateLimit-Policy", "Idempotent-Replay")
            )
        );
    }

    /// <summary>Reads the certificates of the listeners.</summary>
    /// <exception cref="InvalidSettingsException">A file cannot be used.</exception>
    public static void Check(string block, ListenerTlsSettings tls)
    {
        if (tls.IsOn)
            new ListenerCertificate(block, tls, TimeProvider.System).Dispose();
    }

    private static void Secure(ListenOptions listener, ListenerCertificate? certificate)
    {
        if (certificate is not null)
            listener.UseHttps(
                new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(certificate.Options()) }
            );
    }

    private static ListenerCertificates CreateCertificates(
        ServerSettings server,
        ManagementSettings management,
        IServiceProvider provider
    )
    {
        var logger = provider.GetRequiredService<ILogger<ListenerCertificate>>();
        return new(Create("server", server.Tls), Create("management", management.Tls));

        ListenerCertificate? Create(string block, ListenerTlsSettings tls) =>
            tls.IsOn
                ? new(block, tls, provider.GetRequiredService<TimeProvider>(), problem => Report(block, problem))
                : null;

        void Report(string block, string? problem)
        {
            if (problem is null)
                logger.LogInformation("Loaded the files of {Block}.tls; new connections use them", block);
            else
                logger.LogError(
                    "The files of {Block}.tls were not reloaded, the previous certificate stays in force: {Problem}",
                    block,
                    problem
                );
        }
    }
}
