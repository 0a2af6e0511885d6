using Akka.Hosting;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Acl;
using AkkaCharging.Authorization.Http;
using AkkaCharging.Callbacks;
using AkkaCharging.Clustering;
using AkkaCharging.DeadLetters;
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
using AkkaCharging.Journal;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Memory;
using AkkaCharging.Journal.Postgres;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Settings;
using Microsoft.AspNetCore.Connections;

namespace AkkaCharging.Host.Composition;

/// <summary>Composes the service from its settings.</summary>
internal static class ChargingHost
{
    // Kestrel counts the framing of chunks, up to 5 bytes for each byte of the body; BodyReader holds the limit on the
    // body itself.
    private const long ChunkFramingFactor = 8;
    private const string SystemName = "akkacharging";
    private static readonly TimeSpan CallbackConnectTimeout = TimeSpan.FromSeconds(3);

    /// <summary>The service, ready to run.</summary>
    /// <param name="customize">Adds the program's own services after all others, so that they win; tests replace parts
    /// by it.</param>
    /// <param name="sources">Where the settings came from, to be read again when it changes, and OpenTelemetry's own;
    /// null when they came from nowhere.</param>
    /// <exception cref="InvalidSettingsException">The settings name something that cannot be used.</exception>
    /// <exception cref="InvalidAclException">The access list is missing or broken.</exception>
    public static WebApplication Build(
        ChargingSettings settings,
        Action<IServiceCollection>? customize = null,
        SettingsSources? sources = null
    )
    {
        var files = FileBudget.Of(ProcessFiles.Limit, settings);
        var cuts = files.Cuts(settings).ToList();
        settings = files.Confine(settings);
        var builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions
            {
                EnvironmentName = settings.Server.Development ? Environments.Development : Environments.Production,
                ContentRootPath = AppContext.BaseDirectory,
            }
        );
        builder.Configuration.Sources.Clear(); // hocon/ is the one place for settings
        var levels = builder.AddChargingLogging(settings);
        if (sources is not null)
            builder.Services.AddSingleton(sources).AddHostedService<LogLevelReload>();
        builder.AddChargingServer(settings.Server, settings.Management, files);
        builder.Services.AddChargingService(settings, levels);
        builder.Services.AddChargingHealth();
        builder.Services.AddChargingApiDescription();
        builder.Services.AddAdminDescription();
        builder.Services.AddAdmin(settings.Management);
        var exports = sources is not null && OtlpExport.IsOn(sources.Environment);
        if (exports)
            builder.Services.AddOtlpExport();
        customize?.Invoke(builder.Services);

        var app = builder.Build();
        ConnectionMetrics.Register(
            app.Services.GetRequiredService<Prometheus.CollectorRegistry>(),
            app.Services.GetRequiredService<BoundedTransport>()
        );
        BoundedTransport.UseConnectionPlaces(app);
        if (exports)
            app.UseHttpSpans();
        app.UseApiErrors();
        app.UseManagement(routes => routes.MapAdmin(settings));
        app.UseRouting(); // after the fork: an operator's request is matched against the operators' routes alone
        if (settings.Server.CorsAllowedOrigins.Count > 0)
            app.UseCors();
        app.MapChargingSessions();
        app.MapMonitoring(settings, isConfined: false);
        app.MapProbes();
        if (settings.Server.Development)
            app.MapDemoReceiver();

        app.Logger.LogInformation(
            "Of {FileLimit} files callers may have {Callers}, operators {Operators}, callbacks {Callbacks}; "
                + "{Rest} are kept for the service itself",
            files.Limit,
            files.Callers,
            files.Operators,
            files.Callbacks,
            files.Rest
        );
        foreach (var cut in cuts)
            app.Logger.LogWarning("The limit of open files is low: {Cut:l}", cut);
        foreach (var choice in InsecureChoices.Of(settings))
            app.Logger.LogWarning("Insecure: {Choice:l}", choice);

        // Made now, so that a missing access list or a bad key file stops the start with its message.
        app.Services.GetRequiredService<ChargingService>();
        return app;
    }

    /// <summary>Reads the files that <paramref name="settings"/> name, as a start would.</summary>
    /// <exception cref="InvalidSettingsException">Some cannot be used; it lists every one.</exception>
    public static void CheckFiles(ChargingSettings settings)
    {
        var problems = new List<string>();
        Check(() => CreateJournal(settings, TimeProvider.System)); // opens nothing yet
        if (settings.Journal.Kind != JournalKind.Memory)
            Check(() => KeySource.Configured(settings.Journal));
        Check(() => ReadCertificate(settings.Cluster));
        Check(() => new WebhookSigner(settings.Callback.Signing, TimeProvider.System).Dispose());
        if (settings.Authorization.Provider == AuthorizationProvider.Acl)
            Check(() => new AclAuthorizer(settings.Authorization.Acl.File, TimeProvider.System).Dispose());
        if (problems.Count > 0)
            throw new InvalidSettingsException(problems);

        void Check(Action read)
        {
            try
            {
                read();
            }
            catch (InvalidSettingsException e)
            {
                problems.AddRange(e.Problems);
            }
            catch (Exception e) when (e is InvalidAclException or InvalidJournalException)
            {
                problems.Add(e.Message);
            }
        }
    }

    private static void AddChargingServer(
        this WebApplicationBuilder builder,
        ServerSettings server,
        ManagementSettings management,
        FileBudget files
    )
    {
        builder.Services.AddSingleton(files).AddSingleton<BoundedTransport>();
        builder.Services.AddSingleton<IConnectionListenerFactory>(provider =>
            provider.GetRequiredService<BoundedTransport>()
        ); // Kestrel takes the last one
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

    private static void AddChargingService(
        this IServiceCollection services,
        ChargingSettings settings,
        LogLevels levels
    )
    {
        services
            .AddSingleton(settings)
            .AddSingleton(settings.Server)
            .AddSingleton(settings.Queue)
            .AddSingleton(TimeProvider.System);
        services.AddSingleton(provider => new ApiKeys(
            settings.Server.ApiKeys,
            provider.GetRequiredService<TimeProvider>()
        ));
        services.AddSingleton(new CallbackAddressPolicy(settings.Callback.Security)).AddSingleton<SubmissionReader>();
        services.AddSingleton<ChargingSessionEndpoints.SubmitHandler>();
        services.AddJournal(settings);
        if (settings.Authorization.Provider != AuthorizationProvider.Custom)
            services.AddSingleton(provider => CreateAuthorizer(settings.Authorization, provider));
        services.AddSingleton<IHostResolver>(provider => new SystemHostResolver(
            provider.GetRequiredService<TimeProvider>()
        ));
        services.AddSingleton(provider => CreateSigner(settings.Callback.Signing, provider));
        services.AddSingleton(provider => CreateCallbackClient(settings.Callback, provider));
        services
            .AddSingleton<MetricsActorSink>()
            .AddSingleton<IMetricsSink>(provider => provider.GetRequiredService<MetricsActorSink>());
        services
            .AddSingleton(Prometheus.Metrics.NewCustomRegistry())
            .AddSingleton<MetricsHistograms>()
            .AddSingleton<PrometheusMetrics>();
        services.AddSingleton(provider => new MetricsState(
            settings.Monitoring.Window,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<MetricsHistograms>()
        ));
        services.AddSingleton<IPipelineObserver, MetricsObserver>();
        services
            .AddSingleton<ChargingService>()
            .AddSingleton(provider => provider.GetRequiredService<ChargingService>().Intake);
        services.AddSingleton(provider => new DeadLetterOperations(
            settings.Callback.RedrivesPerSecond,
            provider.GetRequiredService<ChargingService>().Admission,
            provider.GetRequiredService<IDeadLetterStore>(),
            provider.GetRequiredService<ChargingService>().Lanes,
            provider.GetRequiredService<TimeProvider>()
        ));
        services.AddSingleton(provider => new DeadLetterCount(
            () =>
                provider
                    .GetRequiredService<IDeadLetterStore>()
                    .CountDeadLettersAsync(new DeadLetterQuery(), CancellationToken.None),
            provider.GetRequiredService<TimeProvider>()
        ));
        services.AddSingleton<Readiness>().AddHostedService<ChargingLifetime>();
        var certificate = ReadCertificate(settings.Cluster); // now, so that a bad file stops the start with its message
        if (settings.Cluster.Enabled)
            services
                .AddSingleton(settings.Cluster)
                .AddSingleton<ClusterNode>()
                .AddSingleton<ILaneOwner>(provider => provider.GetRequiredService<ClusterNode>());
        else
            services.AddSingleton<ILaneOwner, StandaloneLanes>();
        services.AddAkka(
            SystemName,
            (akka, provider) =>
                akka.AddHocon(settings.Akka, HoconAddMode.Prepend)
                    .WithChargingLogging(levels)
                    .WithMetricsActor(
                        provider.GetRequiredService<MetricsActorSink>(),
                        provider.GetRequiredService<MetricsState>()
                    )
                    .WithPipeline(settings.Cluster, certificate, provider)
                    .WithChargingHealthChecks(provider)
        );
    }

    private static NodeCertificate? ReadCertificate(ClusterSettings cluster) =>
        cluster is { Enabled: true, Tls.IsOn: true } ? NodeCertificate.Read(cluster.Tls) : null;

    private static AkkaConfigurationBuilder WithPipeline(
        this AkkaConfigurationBuilder akka,
        ClusterSettings cluster,
        NodeCertificate? certificate,
        IServiceProvider provider
    ) =>
        cluster.Enabled
            ? akka.WithChargingCluster(cluster, provider.GetRequiredService<ClusterNode>(), certificate)
            : akka.WithActors((system, _) => provider.GetRequiredService<ILaneOwner>().Start(system));

    private static void AddJournal(this IServiceCollection services, ChargingSettings settings)
    {
        services.AddSingleton<DamagedRowReport>(provider =>
        {
            var logger = provider.GetRequiredService<ILogger<IRequestJournal>>();
            return (id, damage) =>
                logger.LogError("{RequestId} cannot be taken up and stays in the journal: {Damage}", id, damage);
        });
        services.AddSingleton<CommitReport>(provider =>
        {
            var metrics = provider.GetRequiredService<IMetricsSink>();
            return (duration, writes) => metrics.Tell(new JournalCommitted(duration, writes));
        });
        services.AddSingleton<JournalNotice>(provider =>
        {
            var logger = provider.GetRequiredService<ILogger<IRequestJournal>>();
            return (notice, isLoss) =>
                logger.Log(isLoss ? LogLevel.Error : LogLevel.Warning, "{JournalNotice:l}", notice);
        });
        if (settings.Cluster.Enabled)
        {
            services.AddSingleton<ISharedJournal>(provider =>
                CreateShared(
                    settings,
                    Time(provider),
                    provider.GetRequiredService<DamagedRowReport>(),
                    provider.GetRequiredService<CommitReport>()
                )
            );
            services.AddSingleton<IJournal>(provider => provider.GetRequiredService<ISharedJournal>());
        }
        else
        {
            services.AddSingleton(provider =>
                CreateJournal(
                    settings,
                    Time(provider),
                    provider.GetRequiredService<DamagedRowReport>(),
                    provider.GetRequiredService<CommitReport>(),
                    provider.GetRequiredService<JournalNotice>()
                )
            );
        }

        services
            .AddSingleton<IRequestJournal>(provider => provider.GetRequiredService<IJournal>())
            .AddSingleton<IDeadLetterStore>(provider => provider.GetRequiredService<IJournal>());

        static TimeProvider Time(IServiceProvider provider) => provider.GetRequiredService<TimeProvider>();
    }

    private static IJournal CreateJournal(
        ChargingSettings settings,
        TimeProvider time,
        DamagedRowReport? damaged = null,
        CommitReport? committed = null,
        JournalNotice? notice = null
    ) =>
        settings.Journal.Kind switch
        {
            JournalKind.Memory => new MemoryJournal(settings.Journal, time),
            JournalKind.Sqlite => new SqliteJournal(settings.Journal, time, damaged, committed, notice),
            _ => CreateShared(settings, time, damaged, committed),
        };

    private static PostgresJournal CreateShared(
        ChargingSettings settings,
        TimeProvider time,
        DamagedRowReport? damaged,
        CommitReport? committed
    ) => new(settings.Journal, time, damaged, committed, settings.Cluster.Enabled ? settings.Cluster.Lanes : null);

    private static IAuthorizer CreateAuthorizer(AuthorizationSettings authorization, IServiceProvider provider)
    {
        var time = provider.GetRequiredService<TimeProvider>();
        if (authorization.Provider == AuthorizationProvider.Http)
            return new HttpAuthorizer(authorization.Http, time);

        var logger = provider.GetRequiredService<ILogger<AclAuthorizer>>();
        return new AclAuthorizer(
            authorization.Acl.File,
            time,
            reload =>
            {
                if (reload.Succeeded)
                    logger.LogInformation(
                        "Loaded {Rules} rules of the access list in {DurationMillis} ms",
                        reload.Status.RuleCount,
                        reload.Duration.TotalMilliseconds
                    );
                else
                    logger.LogError(
                        "The access list was not reloaded, the one before stays: {Problems}",
                        reload.Problems
                    );
            }
        );
    }

    private static WebhookSigner CreateSigner(SigningSettings signing, IServiceProvider provider)
    {
        var logger = provider.GetRequiredService<ILogger<WebhookSigner>>();
        return new WebhookSigner(
            signing,
            provider.GetRequiredService<TimeProvider>(),
            reload =>
            {
                if (reload.Problem is null)
                    logger.LogInformation(
                        "Loaded the file of signing keys; {Keys} keys sign callbacks now",
                        reload.Keys
                    );
                else
                    logger.LogError(
                        "The file of signing keys was not reloaded, the keys before stay: {Problem}",
                        reload.Problem
                    );
            }
        );
    }

    private static ICallbackClient CreateCallbackClient(CallbackSettings callback, IServiceProvider provider)
    {
        var time = provider.GetRequiredService<TimeProvider>();
        var connector = new VettedConnector(
            provider.GetRequiredService<CallbackAddressPolicy>(),
            provider.GetRequiredService<IHostResolver>(),
            time,
            CallbackConnectTimeout
        );
        return new CallbackClient(
            ResendingHandler.Create(connector, CallbackConnectTimeout),
            connector,
            provider.GetRequiredService<WebhookSigner>(),
            callback.Timeout,
            time
        );
    }
}
