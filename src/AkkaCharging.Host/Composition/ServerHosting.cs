using AkkaCharging.Host.Admin;
using AkkaCharging.Host.Connections;
using AkkaCharging.Host.Http;
using AkkaCharging.Host.Lifetime;
using AkkaCharging.Settings;
using Microsoft.AspNetCore.Connections;

namespace AkkaCharging.Host.Composition;

/// <summary>Kestrel with both listeners.</summary>
internal static class ServerHosting
{
    // Kestrel counts the framing of chunks, up to 5 bytes for each byte of the body; BodyReader holds the limit on the
    // body itself.
    private const long ChunkFramingFactor = 8;

    /// <summary>Configures the public and the operators' listener.</summary>
    public static void AddChargingServer(
        this WebApplicationBuilder builder,
        ServerSettings server,
        ManagementSettings management,
        FileBudget files
    )
    {
        builder.Services.AddSingleton(files).AddSingleton<BoundedTransport>();
        // Kestrel takes the last one
        builder.Services.AddSingleton<IConnectionListenerFactory>(provider =>
            provider.GetRequiredService<BoundedTransport>()
        );
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = server.MaxRequestBodyBytes * ChunkFramingFactor;
            kestrel.Limits.RequestHeadersTimeout = server.RequestTimeout;
            kestrel.Limits.KeepAliveTimeout = server.KeepAlive;
            // a slow body has server.requestTimeoutMillis, and is then answered 408
            kestrel.Limits.MinRequestBodyDataRate = null;
            var transport = kestrel.ApplicationServices.GetRequiredService<BoundedTransport>();
            kestrel.Listen(
                "server",
                server.Host,
                server.Port,
                listener => transport.Bound(listener, transport.Callers)
            );
            kestrel.Listen(
                "management",
                management.Host,
                management.Port,
                listener =>
                {
                    transport.Bound(listener, transport.Operators);
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
                    .WithExposedHeaders("Retry-After", "Idempotent-Replay")
            )
        );
    }
}
