using AkkaCharging.AddressPolicy;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Http;

/// <summary>Registers what the public API needs in addition to the pipeline.</summary>
internal static class SessionHosting
{
    /// <summary>Registers API keys, the reader of submissions and their handler.</summary>
    public static void AddChargingSessions(this IServiceCollection services, ChargingSettings settings)
    {
        services.AddSingleton(provider => CreateKeys(settings.Server, provider));
        services.AddSingleton(provider => new AddressLimits(
            settings.Server.AnonymousRequestsPerSecond,
            provider.GetRequiredService<TimeProvider>()
        ));
        services.AddSingleton(provider => CreateWrongKeys(settings, provider)).AddSingleton<CallerAccess>();
        services.AddSingleton(new CallbackAddressPolicy(settings.Callback.Security)).AddSingleton<SubmissionReader>();
        services.AddSingleton<ChargingSessionEndpoints.SubmitHandler>();
        services.AddSingleton<QuestionHandler>().AddSingleton<CitrineosReader>();
        services.AddSingleton<AnonymousReads>();
    }

    /// <summary>Reads the file of API keys.</summary>
    /// <exception cref="InvalidSettingsException">The file cannot be used.</exception>
    public static void Check(ServerSettings settings) => new ApiKeys(settings, TimeProvider.System).Dispose();

    private static ListenerWrongKeys CreateWrongKeys(ChargingSettings settings, IServiceProvider provider)
    {
        var time = provider.GetRequiredService<TimeProvider>();
        var logger = provider.GetRequiredService<ILogger<WrongKeys>>();
        return new(
            new("public", settings.Server.WrongKeysPerSecond, time, logger),
            new("management", settings.Management.WrongTokensPerSecond, time, logger)
        );
    }

    private static ApiKeys CreateKeys(ServerSettings settings, IServiceProvider provider)
    {
        var logger = provider.GetRequiredService<ILogger<ApiKeys>>();
        return new ApiKeys(
            settings,
            provider.GetRequiredService<TimeProvider>(),
            reload =>
            {
                if (reload.Problem is null)
                    logger.LogInformation("Loaded the file of API keys; {Keys} keys are accepted", reload.Keys);
                else
                    logger.LogError(
                        "The file of API keys was not reloaded, the previous keys stay in force: {Problem}",
                        reload.Problem
                    );
            }
        );
    }
}
