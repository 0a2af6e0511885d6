using Akka.Configuration;
using AkkaCharging.Settings.Hocon;

namespace AkkaCharging.Settings;

/// <summary>
/// Every setting of the service, one record per HOCON block; <c>hocon/reference.conf</c> documents and supplies the
/// defaults.
/// </summary>
/// <param name="Akka">The <c>akka { … }</c> block of the same files, to be laid over Akka's own defaults.</param>
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
    /// <summary>What <c>reference.conf</c> says, alone.</summary>
    /// <remarks>Not a start's settings: its listener beyond loopback without API keys would be refused.</remarks>
    public static ChargingSettings Default => SettingsLoader.Defaults;

    /// <summary>Each setting with the place that it came from, in the order of <c>reference.conf</c>.</summary>
    public IReadOnlyList<EffectiveSetting> Effective { get; init; } = [];

    /// <summary>Files that secrets were read from.</summary>
    public IReadOnlyList<SecretFile> SecretFiles { get; init; } = [];

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
