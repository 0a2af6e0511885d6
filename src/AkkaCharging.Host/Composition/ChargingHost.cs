using AkkaCharging.Authorization.Acl;
using AkkaCharging.Host.Admin;
using AkkaCharging.Host.Connections;
using AkkaCharging.Host.Description;
using AkkaCharging.Host.Development;
using AkkaCharging.Host.Health;
using AkkaCharging.Host.Http;
using AkkaCharging.Host.Lifetime;
using AkkaCharging.Host.Logging;
using AkkaCharging.Host.Metrics;
using AkkaCharging.Host.Telemetry;
using AkkaCharging.Pipeline;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Composition;

/// <summary>Composes the service from its features.</summary>
internal static class ChargingHost
{
    /// <summary>Builds the service, ready to run.</summary>
    /// <param name="customize">Registers the program's own services last, so that they replace those of the same type;
    /// tests replace parts with it.</param>
    /// <param name="sources">The sources of the settings, which are watched for changes, and of OpenTelemetry's
    /// variables; null for settings that were not loaded.</param>
    /// <exception cref="InvalidSettingsException">The settings refer to something that cannot be used.</exception>
    /// <exception cref="InvalidAclException">The access list is missing or broken.</exception>
    public static WebApplication Build(
        ChargingSettings settings,
        Action<IServiceCollection>? customize = null,
        SettingsSources? sources = null
    )
    {
        var files = FileBudget.Of(ProcessFiles.Limit, settings);
        var confined = files.Confine(settings);
        var otlp = sources is null ? OtlpSettings.Off : OtlpSettings.Read(sources.Environment);
        var builder = CreateBuilder(settings.Server);
        AddFeatures(builder, confined, files, sources);
        if (otlp.IsOn)
            builder.Services.AddOtlpExport(otlp);
        customize?.Invoke(builder.Services);

        var app = builder.Build();
        BoundedTransport.UseConnectionPlaces(app);
        if (otlp.Traces is not null)
            app.UseHttpSpans();
        MapFeatures(app, confined);
        app.LogStart(settings, files);

        // Created now, so that a missing access list or an invalid key file stops the start with its message.
        app.Services.GetRequiredService<ListenerCertificates>();
        app.Services.GetRequiredService<ChargingService>();
        return app;
    }

    private static WebApplicationBuilder CreateBuilder(ServerSettings server)
    {
        var builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions
            {
                EnvironmentName = server.Development ? Environments.Development : Environments.Production,
                ContentRootPath = AppContext.BaseDirectory,
            }
        );
        builder.Configuration.Sources.Clear(); // settings come from hocon/ only
        return builder;
    }

    // Hosted services start in this order, Kestrel last, and stop in the reverse order: the listener, the OTLP
    // exporter, the actor system. The drain precedes all of them, while Kestrel still answers (ChargingLifetime).
    private static void AddFeatures(
        WebApplicationBuilder builder,
        ChargingSettings settings,
        FileBudget files,
        SettingsSources? sources
    )
    {
        var levels = builder.AddChargingLogging(settings, sources);
        builder.AddChargingServer(settings.Server, settings.Management, files);
        var services = builder.Services;
        services
            .AddSingleton(settings)
            .AddSingleton(settings.Server)
            .AddSingleton(settings.Queue)
            .AddSingleton(settings.Request.DriverToken.Rules with { AreTyped = settings.Authorization.TypedTokens })
            .AddSingleton(settings.Cluster)
            .AddSingleton(TimeProvider.System);
        services.AddChargingSessions(settings);
        services.AddJournal(settings);
        services.AddAuthorizers(settings.Authorization);
        services.AddCallbacks(settings.Callback);
        services.AddChargingMetrics(settings.Monitoring);
        services.AddPipeline(settings);
        services.AddDeadLetters(settings.Callback);
        services.AddChargingLifetime();
        services.AddActorSystem(settings, levels);
        services.AddChargingHealth();
        services.AddChargingApiDescription();
        services.AddAdminDescription();
        services.AddAdmin(settings.Management);
    }

    private static void MapFeatures(WebApplication app, ChargingSettings settings)
    {
        app.UseApiErrors();
        app.UseManagement(routes => routes.MapAdmin(settings));
        app.UseRouting(); // after the fork, so that operators' requests match operators' routes only
        if (settings.Server.CorsAllowedOrigins.Count > 0)
            app.UseCors();
        app.Use(app.Services.GetRequiredService<AnonymousReads>().InvokeAsync);
        var routes = app.MapGroup("").AnswerHead();
        routes.MapChargingSessions();
        routes.MapAuthorize();
        if (settings.Adapters.Citrineos.Enabled)
            routes.MapCitrineos();
        routes.MapMonitoring(settings, isConfined: false);
        routes.MapProbes();
        if (settings.Server.Development)
            routes.MapDemoReceiver();
    }
}
