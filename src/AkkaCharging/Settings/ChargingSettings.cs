using Akka.Configuration;
using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>
/// Every setting of the service, one record per HOCON block; <c>hocon/reference.conf</c> documents and supplies the
/// defaults.
/// </summary>
/// <param name="Akka">The <c>akka { … }</c> block of the same files, which overrides Akka's own defaults.</param>
internal sealed record ChargingSettings(
    ServerSettings Server,
    ManagementSettings Management,
    RequestSettings Request,
    QueueSettings Queue,
    AuthorizationSettings Authorization,
    AdaptersSettings Adapters,
    CallbackSettings Callback,
    JournalSettings Journal,
    ClusterSettings Cluster,
    MonitoringSettings Monitoring,
    LoggingSettings Logging,
    Config Akka
)
{
    /// <summary>The settings of <c>reference.conf</c> alone.</summary>
    /// <remarks>
    /// The service would not start with them: they have no API keys, and the listener is not on loopback.
    /// </remarks>
    public static ChargingSettings Default => SettingsLoader.Defaults;

    /// <summary>Each setting with its origin, in the order of <c>reference.conf</c>.</summary>
    public IReadOnlyList<EffectiveSetting> Effective { get; init; } = [];

    /// <summary>The files from which secrets were read.</summary>
    public IReadOnlyList<SecretFile> SecretFiles { get; init; } = [];

    /// <summary>What is probably wrong but does not prevent a start: keys that Akka does not know.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    internal static ChargingSettings Read(HoconSection hocon, Config akka) =>
        new(
            Server: ServerSettings.Read(hocon.Section("server")),
            Management: ManagementSettings.Read(hocon.Section("management")),
            Request: RequestSettings.Read(hocon.Section("request")),
            Queue: QueueSettings.Read(hocon.Section("queue")),
            Authorization: AuthorizationSettings.Read(hocon.Section("authorization")),
            Adapters: AdaptersSettings.Read(hocon.Section("adapters")),
            Callback: CallbackSettings.Read(hocon.Section("callback")),
            Journal: JournalSettings.Read(hocon.Section("journal")),
            Cluster: ClusterSettings.Read(hocon.Section("cluster")),
            Monitoring: MonitoringSettings.Read(hocon.Section("monitoring")),
            Logging: LoggingSettings.Read(hocon.Section("logging")),
            Akka: akka
        );
}
