using AkkaCharging.Host.Logging;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Journal.Memory;
using AkkaCharging.Journal.Postgres;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Metrics;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Composition;

/// <summary>Registers the journal that <c>journal.kind</c> names.</summary>
internal static class JournalHosting
{
    /// <summary>Registers the journal and the receivers of its reports.</summary>
    public static void AddJournal(this IServiceCollection services, ChargingSettings settings)
    {
        services.AddSingleton<DamagedRowReport>(provider =>
        {
            var logger = provider.GetRequiredService<ILogger<IRequestJournal>>();
            return logger.LogDamage;
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
            {
                if (isLoss)
                    logger.LogLoss(notice);
                else
                    logger.LogNotice(notice);
            };
        });
        if (settings.Cluster.Enabled)
            services
                .AddSingleton<ISharedJournal>(provider =>
                    CreateShared(
                        settings,
                        provider.GetRequiredService<TimeProvider>(),
                        provider.GetRequiredService<DamagedRowReport>(),
                        provider.GetRequiredService<CommitReport>(),
                        provider.GetRequiredService<JournalNotice>()
                    )
                )
                .AddSingleton<IJournal>(provider => provider.GetRequiredService<ISharedJournal>());
        else
            services.AddSingleton(provider =>
                Create(
                    settings,
                    provider.GetRequiredService<TimeProvider>(),
                    provider.GetRequiredService<DamagedRowReport>(),
                    provider.GetRequiredService<CommitReport>(),
                    provider.GetRequiredService<JournalNotice>()
                )
            );
        services
            .AddSingleton<IRequestJournal>(provider => provider.GetRequiredService<IJournal>())
            .AddSingleton<IDeadLetterStore>(provider => provider.GetRequiredService<IJournal>())
            .AddSingleton<IRequestSearch>(provider => provider.GetRequiredService<IJournal>());
    }

    /// <summary>Reads the files that a journal needs before it is opened.</summary>
    /// <exception cref="InvalidSettingsException">A file cannot be used.</exception>
    public static void Check(ChargingSettings settings) => Create(settings, TimeProvider.System);

    /// <summary>Reads the keys that stored secrets are encrypted with.</summary>
    /// <exception cref="InvalidSettingsException">A key cannot be used.</exception>
    public static void CheckKeys(JournalSettings settings)
    {
        if (settings.Kind != JournalKind.Memory)
            KeySource.Configured(settings);
    }

    private static IJournal Create(
        ChargingSettings settings,
        TimeProvider time,
        DamagedRowReport? damaged = null,
        CommitReport? committed = null,
        JournalNotice? notice = null
    ) =>
        settings.Journal.Kind switch
        {
            JournalKind.Memory => new MemoryJournal(settings.Journal, time, notice),
            JournalKind.Sqlite => new SqliteJournal(settings.Journal, time, damaged, committed, notice),
            _ => CreateShared(settings, time, damaged, committed, notice),
        };

    private static PostgresJournal CreateShared(
        ChargingSettings settings,
        TimeProvider time,
        DamagedRowReport? damaged,
        CommitReport? committed,
        JournalNotice? notice
    ) =>
        new(
            settings.Journal,
            time,
            damaged,
            committed,
            settings.Cluster.Enabled ? settings.Cluster.Lanes : null,
            notice
        );
}
