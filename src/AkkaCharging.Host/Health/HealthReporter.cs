using System.Globalization;
using Akka.Actor;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Authorization.Acl;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.Authorization.Questions;
using AkkaCharging.Callbacks;
using AkkaCharging.Clustering;
using AkkaCharging.Host.Connections;
using AkkaCharging.Host.Http;
using AkkaCharging.Host.Lifetime;
using AkkaCharging.Journal;
using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Pipeline.Stages;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Health;

/// <summary>Judges each component by its own status and by the thresholds of <c>monitoring.thresholds</c>.</summary>
/// <param name="node">The cluster node; null for a standalone process.</param>
internal sealed class HealthReporter(
    ChargingSettings settings,
    ChargingService service,
    IRequestJournal journal,
    IMetricsSink metrics,
    AccessList accessList,
    QuestionForm form,
    WebhookSigner signer,
    ApiKeys apiKeys,
    BoundedTransport transport,
    ListenerCertificates certificates,
    Readiness readiness,
    OpenFiles openFiles,
    TimeProvider time,
    ClusterNode? node = null
)
{
    // A nearly exhausted file limit affects callbacks first, which use the remaining files.
    private const double FilesUsage = 0.9;

    /// <summary>Long enough for a person to replace a certificate that is not renewed automatically.</summary>
    private static readonly TimeSpan ExpiryNotice = TimeSpan.FromDays(14);

    // Shown to callers instead of a problem whose text may name a path, a host, a process or the start of a token.
    private const string HiddenProblem = "shown on the operators' listener (/admin/overview) and in the log";

    private readonly StatusSince _since = new(time);

    private HealthThresholds Thresholds => settings.Monitoring.Thresholds;

    /// <summary>
    /// Returns the current report and the figures behind it, which are null when the metrics actor does not answer.
    /// </summary>
    /// <param name="isForOperators">Whether to include problems in full. Others see only states and figures.</param>
    public async Task<(HealthAnswer Report, MetricsSnapshot? Figures)> ReportAsync(
        bool isForOperators,
        CancellationToken cancellationToken
    )
    {
        var figures = await FiguresAsync(cancellationToken);
        var open = await openFiles.CountAsync(cancellationToken);
        List<(string Name, ComponentStatus Status, (string Name, string Value)[] Details)> components =
        [
            Pipeline(service.Status),
            Queue(service.Status),
            Authorization(figures, service.Status.Breaker),
            .. Partners(isForOperators),
            Callbacks(figures, service.Resources.Status),
            Journal(journal.Status, isForOperators),
            Files(transport, open),
        ];
        if (accessList.Status is { } acl)
            components.Add(Acl(acl, isForOperators));
        if (form.Stations is { } stations)
            components.Add(Stations(stations.Status, isForOperators));
        if (node is not null)
            components.Add(Cluster(node));
        if (signer.FileStatus is { } keys)
            components.Add(Keys("signing", keys.Keys, keys.Problem, isForOperators));
        if (certificates.All.Any())
            components.Add(Tls(isForOperators));
        if (apiKeys.FileStatus is { } callers)
            components.Add(Keys("apiKeys", callers.Keys, callers.Problem, isForOperators));

        var report = new HealthAnswer(
            components.Max(component => component.Status).Name(),
            time.GetUtcNow().ToUnixTimeMilliseconds(),
            components.ToDictionary(
                component => component.Name,
                component => new ComponentAnswer(
                    component.Status.Name(),
                    _since.Note(component.Name, component.Status).ToUnixTimeMilliseconds(),
                    component.Details.ToDictionary(
                        detail => detail.Name,
                        detail => detail.Value,
                        StringComparer.Ordinal
                    )
                ),
                StringComparer.Ordinal
            )
        );
        return (report, figures);
    }

    /// <summary>Returns the figures; null when the metrics actor does not answer.</summary>
    private async Task<MetricsSnapshot?> FiguresAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await metrics.GetAsync(cancellationToken);
        }
        catch (Exception e) when (e is AskTimeoutException or TimeoutException)
        {
            return null;
        }
    }

    private (string, ComponentStatus, (string, string)[]) Pipeline(PipelineStatus status) =>
        (
            "pipeline",
            status.Worst switch
            {
                _ when readiness.IsDraining => ComponentStatus.Degraded,
                LaneState.Running => ComponentStatus.Up,
                LaneState.Restarting => ComponentStatus.Degraded,
                _ => ComponentStatus.Down,
            },
            [
                ("state", readiness.IsDraining ? "draining" : status.Worst.ToString().ToLowerInvariant()),
                ("restarts", Text(status.Restarts)),
            ]
        );

    private (string, ComponentStatus, (string, string)[]) Queue(PipelineStatus status)
    {
        // The unproven half may fill up before the whole queue does: new receivers are then rejected like silent ones.
        var (unproven, unprovenMax) = service.Receivers.Unproven;
        var isHalfFull = unproven > Thresholds.QueueUsage * unprovenMax;
        return (
            "queue",
            isHalfFull || status.Pending > Thresholds.QueueUsage * settings.Queue.MaxSize
                ? ComponentStatus.Degraded
                : ComponentStatus.Up,
            [
                ("currentSize", Text(status.Pending)),
                ("maxSize", Text(settings.Queue.MaxSize)),
                .. isHalfFull
                    ?
                    [
                        (
                            "problem",
                            $"destinations that have not recently answered use {unproven} of at most {unprovenMax} "
                                + "places"
                        ),
                    ]
                    : Array.Empty<(string, string)>(),
            ]
        );
    }

    private (string, ComponentStatus, (string, string)[]) Authorization(
        MetricsSnapshot? figures,
        BreakerState breaker
    ) =>
        figures is null
            ? ("authorization", ComponentStatus.Degraded, [("problem", "no figures")])
            : (
                "authorization",
                breaker != BreakerState.Closed || Exceeds(figures.Authorization, Thresholds.AuthorizationErrorRate)
                    ? ComponentStatus.Degraded
                    : ComponentStatus.Up,
                [
                    ("errorRate", Rate(figures.Authorization)),
                    ("totalDecisions", Text(figures.Decisions.Values.Sum())),
                    ("circuitBreaker", breaker.Name()),
                    .. settings.Authorization.Uses(AuthorizationProvider.Custom)
                        ? [("provider", "custom")]
                        : Array.Empty<(string, string)>(),
                ]
            );

    // A single partner is covered by the component authorization, unless it reports a problem.
    private IEnumerable<(string, ComponentStatus, (string, string)[])> Partners(bool isForOperators)
    {
        PartnerStatus[] partners = [.. service.Partners];
        return partners
            .Where(partner => partners.Length > 1 || partner.Misconfiguration is not null)
            .Select(partner =>
                (
                    $"partner.{partner.Name}",
                    partner.Breaker != BreakerState.Closed || partner.Misconfiguration is not null
                        ? ComponentStatus.Degraded
                        : ComponentStatus.Up,
                    ((string, string)[])
                        [
                            ("circuitBreaker", partner.Breaker.Name()),
                            ("inFlight", Text(partner.InFlight)),
                            .. partner.Misconfiguration is null
                                ? Array.Empty<(string, string)>()
                                : [("state", "misconfigured")],
                            .. Problem(partner.Misconfiguration, isForOperators),
                        ]
                )
            );
    }

    private (string, ComponentStatus, (string, string)[]) Callbacks(
        MetricsSnapshot? figures,
        ResourceStatus resources
    ) =>
        figures is null
            ? ("callbacks", ComponentStatus.Degraded, [("problem", "no figures")])
            : (
                "callbacks",
                resources.Lacking is not null || Exceeds(figures.Callbacks, Thresholds.CallbackErrorRate)
                    ? ComponentStatus.Degraded
                    : ComponentStatus.Up,
                [
                    ("errorRate", Rate(figures.Callbacks)),
                    ("totalCallbacks", Text(figures.Attempts.Values.Sum())),
                    .. resources.Lacking is { } lacking
                        ?
                        [
                            (
                                "problem",
                                $"this process is out of {lacking.Name()}; {resources.Waiting} callbacks are "
                                    + "waiting for a connection"
                            ),
                        ]
                        : Array.Empty<(string, string)>(),
                ]
            );

    private static (string, ComponentStatus, (string, string)[]) Journal(JournalStatus status, bool isForOperators) =>
        (
            "journal",
            !status.IsAvailable ? ComponentStatus.Down
            : status.Damaged > 0 ? ComponentStatus.Degraded
            : ComponentStatus.Up,
            [
                ("kind", status.Kind),
                .. Problem(status.Problem, isForOperators),
                .. status.Damaged > 0 ? [("damaged", Text(status.Damaged))] : Array.Empty<(string, string)>(),
            ]
        );

    private static (string, ComponentStatus, (string, string)[]) Files(BoundedTransport transport, int? open)
    {
        var (callers, operators) = (transport.Callers, transport.Operators);
        var isShort = open is null ? transport.Files.Limit is not null : open > FilesUsage * transport.Files.Limit;
        return (
            "files",
            isShort || callers.Open >= callers.Max ? ComponentStatus.Degraded : ComponentStatus.Up,
            [
                .. open is { } files ? [("open", Text(files))] : Array.Empty<(string, string)>(),
                .. transport.Files.Limit is { } limit ? [("limit", Text(limit))] : Array.Empty<(string, string)>(),
                ("connections", Text(callers.Open)),
                ("maxConnections", Text(callers.Max)),
                ("operatorConnections", Text(operators.Open)),
                ("operatorMaxConnections", Text(operators.Max)),
            ]
        );
    }

    private static (string, ComponentStatus, (string, string)[]) Cluster(ClusterNode node)
    {
        var figures = node.Figures;
        var problem = node.Problem;
        return (
            "cluster",
            problem is not null ? ComponentStatus.Down
            : figures.Unreachable > 0 ? ComponentStatus.Degraded
            : ComponentStatus.Up,
            [
                ("nodes", Text(figures.Up)),
                ("unreachable", Text(figures.Unreachable)),
                ("lanes", Text(figures.Lanes)),
                .. problem is not null ? [("problem", problem)] : Array.Empty<(string, string)>(),
            ]
        );
    }

    private static (string, ComponentStatus, (string, string)[]) Acl(AclStatus status, bool isForOperators) =>
        (
            "acl",
            status.LastReloadFailed ? ComponentStatus.Degraded : ComponentStatus.Up,
            [("rules", Text(status.RuleCount)), .. Problem(status.LastError, isForOperators)]
        );

    private static (string, ComponentStatus, (string, string)[]) Keys(
        string name,
        int count,
        string? problem,
        bool isForOperators
    ) =>
        (
            name,
            problem is null ? ComponentStatus.Up : ComponentStatus.Degraded,
            [("keys", Text(count)), .. Problem(problem, isForOperators)]
        );

    private static (string, ComponentStatus, (string, string)[]) Stations(
        StationMapStatus status,
        bool isForOperators
    ) =>
        (
            "stations",
            status.Problem is null ? ComponentStatus.Up : ComponentStatus.Degraded,
            [("stations", Text(status.Stations)), .. Problem(status.Problem, isForOperators)]
        );

    private (string, ComponentStatus, (string, string)[]) Tls(bool isForOperators)
    {
        var soon = time.GetUtcNow() + ExpiryNotice;
        var problems = certificates
            .All.Select(listener => listener.Certificate.Problem)
            .Concat(
                certificates
                    .All.Where(listener => listener.Certificate.ExpiresAt < soon)
                    .Select(listener =>
                        $"the certificate of {listener.Name}.tls expires at {Instant(listener.Certificate)}"
                    )
            )
            .Where(problem => problem is not null)
            .ToList();
        return (
            "tls",
            problems.Count == 0 ? ComponentStatus.Up : ComponentStatus.Degraded,
            [
                .. certificates.All.Select(listener => ($"{listener.Name}ExpiresAt", Instant(listener.Certificate))),
                .. Problem(problems.Count == 0 ? null : string.Join("; ", problems), isForOperators),
            ]
        );

        static string Instant(ListenerCertificate certificate) =>
            certificate.ExpiresAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
    }

    private static (string, string)[] Problem(string? problem, bool isForOperators) =>
        problem is null ? [] : [("problem", isForOperators ? problem : HiddenProblem)];

    private bool Exceeds(RateWindow window, double threshold) =>
        window.Total >= Thresholds.MinimumSamples && window.ErrorRate > threshold;

    private static string Rate(RateWindow window) => window.ErrorRate.ToString("0.####", CultureInfo.InvariantCulture);

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
