using AkkaCharging.AddressPolicy;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Http;

/// <summary>Registers what the public API needs beside the pipeline.</summary>
internal static class SessionHosting
{
    /// <summary>Registers API keys, the reader of submissions and their handler.</summary>
    public static void AddChargingSessions(this IServiceCollection services, ChargingSettings settings)
    {
        services.AddSingleton(provider => new ApiKeys(
            settings.Server.ApiKeys,
            provider.GetRequiredService<TimeProvider>()
        ));
        services.AddSingleton(provider => new AddressLimits(
            settings.Server.AnonymousRequestsPerSecond,
            provider.GetRequiredService<TimeProvider>()
        ));
        services.AddSingleton(new CallbackAddressPolicy(settings.Callback.Security)).AddSingleton<SubmissionReader>();
        services.AddSingleton<ChargingSessionEndpoints.SubmitHandler>();
        services.AddSingleton<AnonymousReads>();
    }
}
