using Akka.Configuration;

namespace AkkaCharging.Settings;

/// <summary>Every setting of the service, one record per HOCON block; <c>hocon/reference.conf</c> documents and supplies the defaults.</summary>
/// <param name="Akka">The <c>akka { … }</c> block of the same files, to be laid over Akka's own defaults.</param>
public sealed record ChargingSettings(
    ServerSettings Server,
    ManagementSettings Management,
    RequestSettings Request,
    QueueSettings Queue,
    AuthorizationSettings Authorization,
    CallbackSettings Callback,
    JournalSettings Journal,
    MonitoringSettings Monitoring,
    LoggingSettings Logging,
    Config Akka);
