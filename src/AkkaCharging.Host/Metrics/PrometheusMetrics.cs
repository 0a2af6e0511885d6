using AkkaCharging.Authorization.Acl;
using AkkaCharging.Clustering;
using AkkaCharging.Journal;
using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using Prometheus;

namespace AkkaCharging.Host.Metrics;

/// <summary>
/// The figures of <c>/metrics</c> as a Prometheus registry, brought up to date by each scrape from the metrics actor's
/// snapshot.
/// </summary>
/// <remarks>
/// The histograms beside them are filled by the actor itself. Every label's values come from a fixed list: none is a
/// caller's to choose.
/// </remarks>
internal sealed class PrometheusMetrics
{
    // All that a submission can be answered, so that a counter is there before its first event: rate() does not see a
    // counter's first value.
    internal static readonly string[] Outcomes =
    [
        "accepted",
        "replayed",
        "validation_error",
        "unauthorized",
        "forbidden",
        "request_timeout",
        "conflict",
        "payload_too_large",
        "unsupported_media_type",
        "rate_limited",
        "queue_full",
        "destination_backlogged",
        "journal_unavailable",
        "shutting_down",
        "internal_error",
    ];

    private readonly CollectorRegistry _registry;
    private readonly QueueSettings _queue;
    private readonly Counter _requests;
    private readonly Counter _decisions;
    private readonly Counter _attempts;
    private readonly Counter _attemptFailures;
    private readonly Counter _deliveries;
    private readonly Counter _unopened;
    private readonly Counter _transitions;
    private readonly Counter _restarts;
    private readonly Gauge _depth;
    private readonly Gauge _capacity;
    private readonly Gauge _oldest;
    private readonly Gauge _inFlight;
    private readonly Gauge _breaker;
    private readonly Gauge _journalAvailable;
    private readonly Gauge _journalBacklog;
    private readonly Gauge _journalDamaged;
    private readonly Gauge _deadLetters;
    private readonly AclMetrics _acl;
    private readonly ClusterMetrics? _cluster;

    /// <param name="node">Null for a process that runs alone.</param>
    public PrometheusMetrics(CollectorRegistry registry, QueueSettings queue, ClusterNode? node = null)
    {
        (_registry, _queue) = (registry, queue);
        var metrics = Prometheus.Metrics.WithCustomRegistry(registry);
        metrics.ExemplarBehavior = ExemplarBehavior.NoExemplars();
        _requests = metrics.CreateCounter(
            "akkacharging_requests_total",
            "Submissions answered, by the status of the answer.",
            "outcome"
        );
        _decisions = metrics.CreateCounter("akkacharging_decisions_total", "Decisions journaled.", "status", "reason");
        _attempts = metrics.CreateCounter(
            "akkacharging_callback_attempts_total",
            "Callback attempts that ended.",
            "outcome"
        );
        _attemptFailures = metrics.CreateCounter(
            "akkacharging_callback_attempt_failures_total",
            "Callback attempts that failed, by cause.",
            "cause"
        );
        _deliveries = metrics.CreateCounter(
            "akkacharging_deliveries_total",
            "Requests settled; failed ones are dead letters.",
            "outcome"
        );
        _unopened = metrics.CreateCounter(
            "akkacharging_callback_connections_unopened_total",
            "Connections for callbacks that could not be opened because this process lacked a resource.",
            "resource"
        );
        _transitions = metrics.CreateCounter(
            "akkacharging_circuit_breaker_transitions_total",
            "Times the authorizer's circuit breaker entered a state.",
            "state"
        );
        _restarts = metrics.CreateCounter(
            "akkacharging_stream_restarts_total",
            "Graphs of the pipeline that died and were run again."
        );
        _depth = metrics.CreateGauge("akkacharging_queue_depth_requests", "Requests accepted and not settled.");
        _capacity = metrics.CreateGauge(
            "akkacharging_queue_capacity_requests",
            "How many requests may be pending before new ones are refused."
        );
        _oldest = metrics.CreateGauge(
            "akkacharging_oldest_pending_age_seconds",
            "Age of the oldest pending request; 0 without any."
        );
        _inFlight = metrics.CreateGauge(
            "akkacharging_in_flight_calls",
            "Calls of authorizer and receivers that wait for an answer.",
            "stage"
        );
        _breaker = metrics.CreateGauge(
            "akkacharging_circuit_breaker_state",
            "The authorizer's circuit breaker: 0 closed, 1 half-open, 2 open."
        );
        _journalAvailable = metrics.CreateGauge(
            "akkacharging_journal_available",
            "1 when the journal takes requests, else 0."
        );
        _journalBacklog = metrics.CreateGauge(
            "akkacharging_journal_backlog_requests",
            "Requests of an earlier process that were not taken up yet."
        );
        _journalDamaged = metrics.CreateGauge(
            "akkacharging_journal_damaged_requests",
            "Unsettled requests in the journal that cannot be read."
        );
        _deadLetters = metrics.CreateGauge(
            "akkacharging_dead_letter_requests",
            "Failed requests that can be redriven, as counted some seconds ago.",
            new GaugeConfiguration { SuppressInitialValue = true }
        );
        _acl = new AclMetrics(metrics);
        if (node is not null)
            _cluster = new ClusterMetrics(metrics, node);
        metrics
            .CreateGauge("akkacharging_build_info", "1; the label tells the version.", "version")
            .WithLabels(ProductVersion.Text)
            .Set(1);
        RuntimeMetrics.Register(registry);
    }

    /// <summary>Writes all of this moment.</summary>
    /// <param name="deadLetters">Null while they have not been counted.</param>
    /// <param name="acl">Null unless decisions come from the access list.</param>
    public Task WriteAsync(
        MetricsSnapshot figures,
        PipelineStatus pipeline,
        PipelineLoad load,
        JournalStatus journal,
        long? deadLetters,
        AclStatus? acl,
        MetricsFormat format,
        Stream body,
        CancellationToken cancellationToken
    )
    {
        // Figures of two scrapes at a time may overtake each other: counters only ever rise.
        foreach (var outcome in Outcomes)
            _requests.WithLabels(outcome).IncTo(figures.Requests.GetValueOrDefault(outcome));
        foreach (
            var (status, reason, made) in figures.DecisionsByReason.Where(decision =>
                decision.Count > 0 || IsUsual(decision)
            )
        )
            _decisions.WithLabels(status.Name(), reason.Name()).IncTo(made);
        IncTo(_attempts, figures.Attempts);
        IncTo(_attemptFailures, figures.AttemptFailures);
        IncTo(_deliveries, figures.Settled);
        IncTo(_unopened, load.Unopened);
        IncTo(_transitions, figures.BreakerTransitions);
        _restarts.IncTo(pipeline.Restarts);
        _depth.Set(pipeline.Pending);
        _capacity.Set(_queue.MaxSize);
        _oldest.Set(load.OldestAge.TotalSeconds);
        _inFlight.WithLabels("authorization").Set(load.Authorizations);
        _inFlight.WithLabels("callback").Set(load.Callbacks);
        _breaker.Set((int)pipeline.Breaker);
        _journalAvailable.Set(journal.IsAvailable ? 1 : 0);
        _journalBacklog.Set(journal.Backlog);
        _journalDamaged.Set(journal.Damaged);
        if (deadLetters is { } count)
            _deadLetters.Set(count);
        if (acl is not null)
            _acl.Set(acl);
        _cluster?.Set();
        return _registry.CollectAndExportAsTextAsync(
            body,
            format == MetricsFormat.OpenMetrics ? ExpositionFormat.OpenMetricsText : ExpositionFormat.PrometheusText,
            cancellationToken
        );
    }

    private static void IncTo(Counter counter, IReadOnlyDictionary<string, long> counts)
    {
        foreach (var (name, count) in counts)
            counter.WithLabels(name).IncTo(count);
    }

    private static bool IsUsual(DecisionCount decision) =>
        decision.Status
        == decision.Reason switch
        {
            DecisionReason.InAcl or DecisionReason.Authorized => AuthorizationStatus.Allowed,
            DecisionReason.NotInAcl
            or DecisionReason.Blocked
            or DecisionReason.Expired
            or DecisionReason.StationNotAllowed => AuthorizationStatus.NotAllowed,
            _ => AuthorizationStatus.Unknown,
        };

    /// <summary>
    /// Of the access list; nothing is shown before the first figures, so nothing at all when decisions come from a back
    /// end.
    /// </summary>
    private sealed class AclMetrics(MetricFactory metrics)
    {
        private readonly Gauge _rules = metrics.CreateGauge(
            "akkacharging_acl_rules",
            "Rules of the access list in force.",
            Hidden()
        );
        private readonly Gauge _lastFailed = metrics.CreateGauge(
            "akkacharging_acl_last_reload_failed",
            "1 when the access list in force is older than its file, because the file is broken or gone.",
            Hidden()
        );

        private readonly Counter _reloads = metrics.CreateCounter(
            "akkacharging_acl_reloads_total",
            "Changed access lists that were read.",
            "outcome"
        );

        public void Set(AclStatus acl)
        {
            _rules.Set(acl.RuleCount);
            _lastFailed.Set(acl.LastReloadFailed ? 1 : 0);
            _reloads.WithLabels("success").IncTo(acl.Reloads);
            _reloads.WithLabels("failure").IncTo(acl.FailedReloads);
        }

        private static GaugeConfiguration Hidden() => new() { SuppressInitialValue = true };
    }

    /// <summary>Of a node; there is nothing of it in a process that runs alone.</summary>
    private sealed class ClusterMetrics(MetricFactory metrics, ClusterNode node)
    {
        private readonly Gauge _nodes = metrics.CreateGauge(
            "akkacharging_cluster_nodes",
            "Nodes of the cluster as this one sees them.",
            "state"
        );
        private readonly Gauge _lanes = metrics.CreateGauge(
            "akkacharging_cluster_lanes",
            "Lanes that this node holds."
        );
        private readonly Gauge _configured = metrics.CreateGauge(
            "akkacharging_cluster_configured_lanes",
            "Lanes of the whole cluster."
        );
        private readonly Counter _taken = metrics.CreateCounter(
            "akkacharging_cluster_lanes_taken_total",
            "Lanes that this node took or was given."
        );
        private readonly Counter _lost = metrics.CreateCounter(
            "akkacharging_cluster_lanes_lost_total",
            "Lanes that another node took from this one without being given them."
        );

        public void Set()
        {
            var figures = node.Figures;
            _nodes.WithLabels("up").Set(figures.Up);
            _nodes.WithLabels("unreachable").Set(figures.Unreachable);
            _lanes.Set(figures.Lanes);
            _configured.Set(figures.Configured);
            _taken.IncTo(figures.Taken);
            _lost.IncTo(figures.Lost);
        }
    }
}
