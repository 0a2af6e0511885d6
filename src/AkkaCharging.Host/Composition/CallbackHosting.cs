using AkkaCharging.AddressPolicy;
using AkkaCharging.Callbacks;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Composition;

/// <summary>Registers the callback client with its resolver and signatures.</summary>
internal static class CallbackHosting
{
    private static readonly TimeSpan TcpTimeout = TimeSpan.FromSeconds(3);

    // For look-up, TCP and TLS together. From 5 s on, .NET would let a connection that its attempt no longer waits for
    // go on for 5 s, and open no other for the retry meanwhile.
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(4.5);

    /// <summary>Registers the callback client and its parts.</summary>
    public static void AddCallbacks(this IServiceCollection services, CallbackSettings settings)
    {
        services.AddSingleton<IHostResolver>(provider => new SystemHostResolver(
            provider.GetRequiredService<TimeProvider>()
        ));
        services.AddSingleton(provider => CreateSigner(settings.Signing, provider));
        services.AddSingleton(provider => CreateClient(settings, provider));
    }

    /// <summary>Reads the file of signing keys.</summary>
    /// <exception cref="InvalidSettingsException">The file cannot be used.</exception>
    public static void Check(CallbackSettings settings) =>
        new WebhookSigner(settings.Signing, TimeProvider.System).Dispose();

    private static WebhookSigner CreateSigner(SigningSettings signing, IServiceProvider provider)
    {
        var logger = provider.GetRequiredService<ILogger<WebhookSigner>>();
        return new WebhookSigner(
            signing,
            provider.GetRequiredService<TimeProvider>(),
            reload =>
            {
                if (reload.Problem is null)
                    logger.LogInformation("Loaded the file of signing keys; {Keys} keys sign callbacks", reload.Keys);
                else
                    logger.LogError(
                        "The file of signing keys was not reloaded, the previous keys stay in force: {Problem}",
                        reload.Problem
                    );
            }
        );
    }

    private static ICallbackClient CreateClient(CallbackSettings callback, IServiceProvider provider)
    {
        var time = provider.GetRequiredService<TimeProvider>();
        var connector = new VettedConnector(
            provider.GetRequiredService<CallbackAddressPolicy>(),
            provider.GetRequiredService<IHostResolver>(),
            time,
            TcpTimeout,
            connectionsMax: callback.MaxInFlight
        );
        return new CallbackClient(
            ResendingHandler.Create(connector, ConnectTimeout),
            connector,
            provider.GetRequiredService<WebhookSigner>(),
            callback.Timeout,
            time
        );
    }
}
