using AkkaCharging.Authorization.Acl;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.Clustering;
using AkkaCharging.DeadLetters;
using AkkaCharging.Host.Connections;
using AkkaCharging.Host.Health;
using AkkaCharging.Host.Http;
using AkkaCharging.Journal;
using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Metrics;

/// <summary>The figures at a point in time, for every format of metrics.</summary>
internal sealed record Figures
{
    /// <summary>Counts of the metrics actor.</summary>
    public required MetricsSnapshot Counts { get; init; }

    public required PipelineStatus Pipeline { get; init; }

    public required PipelineLoad Load { get; init; }

    /// <summary>The status of each authorization back end.</summary>
    public required IReadOnlyList<PartnerStatus> Partners { get; init; }

    /// <summary>The answers of each authorization back end.</summary>
    public required IReadOnlyList<PartnerAnswers> PartnerAnswers { get; init; }

    public required JournalStatus Journal { get; init; }

    /// <summary>Maximum number of pending requests.</summary>
    public required int QueueCapacity { get; init; }

    /// <summary>Number of failed requests that can be redriven; null before the first count.</summary>
    public required long? DeadLetters { get; init; }

    /// <summary>The status of the access list; null when decisions come from another authorizer.</summary>
    public required AclStatus? Acl { get; init; }

    /// <summary>The cluster as this node sees it; null for a standalone process.</summary>
    public required ClusterFigures? Cluster { get; init; }

    /// <summary>The connections of each listener.</summary>
    public required IReadOnlyList<(string Name, ConnectionPlaces Places)> Listeners { get; init; }

    /// <summary>The wrong keys and tokens of each listener.</summary>
    public required IReadOnlyList<WrongKeys> WrongKeys { get; init; }

    /// <summary>Maximum number of open files of the process; null where it is unknown.</summary>
    public required int? FileLimit { get; init; }
}

/// <summary>Collects the current figures from the parts of the service.</summary>
/// <param name="node">The cluster node; null for a standalone process.</param>
internal sealed class FiguresReader(
    ChargingService service,
    IRequestJournal journal,
    DeadLetterCount deadLetters,
    AccessList accessList,
    QueueSettings queue,
    BoundedTransport transport,
    ListenerWrongKeys wrongKeys,
    ClusterNode? node = null
)
{
    /// <summary>Adds the current state of the other parts to <paramref name="counts"/>.</summary>
    public async ValueTask<Figures> ReadAsync(MetricsSnapshot counts) =>
        new()
        {
            Counts = counts,
            DeadLetters = await deadLetters.LatestAsync(),
            Pipeline = service.Status,
            Load = service.Load,
            Partners = [.. service.Partners],
            PartnerAnswers = [.. service.PartnerAnswers],
            Journal = journal.Status,
            QueueCapacity = queue.MaxSize,
            Acl = accessList.Status,
            Cluster = node?.Figures,
            Listeners = transport.Listeners,
            WrongKeys = wrongKeys.All,
            FileLimit = transport.Files.Limit,
        };
}
