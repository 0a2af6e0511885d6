using AkkaCharging.Host.Connections;
using AkkaCharging.Metrics;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;

namespace AkkaCharging.Host.Metrics;

/// <summary>Every metric that is read when it is collected, declared once for Prometheus and for OTLP.</summary>
/// <remarks>
/// Labels take their values from fixed lists: callers choose none of them. Histograms are recorded as events happen:
/// <see cref="MetricsHistograms"/>.
/// </remarks>
internal static class Instruments
{
    private static readonly Instrument[] Service =
    [
        Counter(
            "akkacharging_requests",
            "Submissions answered, by the status of the answer.",
            ["outcome"],
            figures => AnswerStatuses.OfSubmissions.Select(status => new Sample(Count(figures, status), status.Name()))
        ) with
        {
            ExportsNoZeros = true,
        },
        Counter(
            "akkacharging_decisions",
            "Decisions: of requests, once they are journaled, and of synchronous questions.",
            ["status", "reason"],
            figures =>
                figures
                    .Counts.DecisionsByReason.Where(decision => decision.Count > 0 || IsUsual(decision))
                    .Select(decision => new Sample(decision.Count, decision.Status.Name(), decision.Reason.Name()))
        ) with
        {
            ExportsNoZeros = true,
        },
        Counter(
            "akkacharging_callback_attempts",
            "Callback attempts that ended.",
            ["outcome"],
            figures => By(figures.Counts.Attempts)
        ),
        Counter(
            "akkacharging_callback_attempt_failures",
            "Callback attempts that failed, by cause.",
            ["cause"],
            figures => By(figures.Counts.AttemptFailures)
        ),
        Counter(
            "akkacharging_deliveries",
            "Requests settled; failed ones are dead letters.",
            ["outcome"],
            figures => By(figures.Counts.Settled)
        ),
        Counter(
            "akkacharging_callback_connections_unopened",
            "Connections for callbacks that could not be opened because this process lacked a resource.",
            ["resource"],
            figures => By(figures.Load.Unopened)
        ),
        Counter(
            "akkacharging_circuit_breaker_transitions",
            "Times that the circuit breaker of any authorization back end entered a state.",
            ["state"],
            figures => By(figures.Counts.BreakerTransitions)
        ),
        Gauge(
            "akkacharging_destinations",
            "Remembered receivers, by standing.",
            ["standing"],
            figures =>
                [
                    new(figures.Load.Receivers.New, Standing.New.Name()),
                    new(figures.Load.Receivers.Proven, Standing.Proven.Name()),
                    new(figures.Load.Receivers.Silent, Standing.Silent.Name()),
                ]
        ),
        Gauge(
            "akkacharging_destination_breakers_open",
            "Receivers whose circuit breaker is open or half-open.",
            figures => figures.Load.Receivers.BreakersOpen
        ),
        Counter(
            "akkacharging_destination_breaker_transitions",
            "Times that the circuit breaker of a receiver opened or closed.",
            ["state"],
            figures => By(figures.Counts.ReceiverBreakerTransitions)
        ),
        Counter(
            "akkacharging_stream_restarts",
            "Failures of a lane's graph, each followed by a restart.",
            figures => figures.Pipeline.Restarts
        ),
        Gauge(
            "akkacharging_queue_depth_requests",
            "Requests accepted and not settled.",
            figures => figures.Pipeline.Pending
        ),
        Gauge(
            "akkacharging_queue_capacity_requests",
            "Maximum number of pending requests; further ones are rejected.",
            figures => figures.QueueCapacity
        ),
        Gauge(
            "akkacharging_oldest_pending_age",
            "Age of the oldest pending request; 0 if none is pending.",
            figures => figures.Load.OldestAge.TotalSeconds
        ) with
        {
            IsSeconds = true,
        },
        Gauge(
            "akkacharging_in_flight_calls",
            "Calls to the authorizer and to receivers that wait for an answer.",
            ["stage"],
            figures => [new(figures.Load.Authorizations, "authorization"), new(figures.Load.Callbacks, "callback")]
        ),
        Gauge(
            "akkacharging_circuit_breaker_state",
            "The worst state of all authorization circuit breakers: 0 closed, 1 half-open, 2 open.",
            figures => (int)figures.Pipeline.Breaker
        ),
        Counter(
            "akkacharging_partner_answers",
            "Completed questions to an authorization back end, by reason.",
            ["partner", "reason"],
            figures =>
                figures.PartnerAnswers.Select(answers => new Sample(answers.Count, answers.Name, answers.Reason.Name()))
        ) with
        {
            ExportsNoZeros = true,
        },
        Gauge(
            "akkacharging_partner_in_flight_calls",
            "Questions to an authorization back end that wait for an answer.",
            ["partner"],
            figures => figures.Partners.Select(partner => new Sample(partner.InFlight, partner.Name))
        ),
        Gauge(
            "akkacharging_partner_breaker_state",
            "The circuit breaker of an authorization back end: 0 closed, 1 half-open, 2 open.",
            ["partner"],
            figures => figures.Partners.Select(partner => new Sample((int)partner.Breaker, partner.Name))
        ),
        Gauge(
            "akkacharging_partner_misconfigured",
            "1 when the credentials, address or query of an authorization back end are wrong, else 0.",
            ["partner"],
            figures =>
                figures.Partners.Select(partner => new Sample(partner.Misconfiguration is null ? 0 : 1, partner.Name))
        ),
        Gauge(
            "akkacharging_journal_available",
            "1 when the journal accepts requests, else 0.",
            figures => figures.Journal.IsAvailable ? 1 : 0
        ),
        Gauge(
            "akkacharging_journal_backlog_requests",
            "Requests of an earlier process that have not been resumed yet.",
            figures => figures.Journal.Backlog
        ),
        Gauge(
            "akkacharging_journal_damaged_requests",
            "Unsettled requests in the journal that cannot be read.",
            figures => figures.Journal.Damaged
        ),
        Counter(
            "akkacharging_journal_early_deletions",
            "Settled requests deleted before journal.retentionHours, because of journal.maxSettledRows.",
            ["outcome"],
            figures =>
                [
                    new(figures.Journal.EarlyDeletions.Delivered, RequestState.Delivered.Name()),
                    new(figures.Journal.EarlyDeletions.Expired, RequestState.Expired.Name()),
                    new(figures.Journal.EarlyDeletions.Failed, RequestState.Failed.Name()),
                ]
        ),
        Gauge(
            "akkacharging_dead_letter_requests",
            "Failed requests that can be redriven, as counted a few seconds ago.",
            figures => figures.DeadLetters
        ),
        Gauge("akkacharging_acl_rules", "Rules of the access list in force.", figures => figures.Acl?.RuleCount),
        Gauge(
            "akkacharging_acl_last_reload_failed",
            "1 when the access list in force is older than its file, because the file is broken or missing.",
            figures => figures.Acl is { } acl ? (acl.LastReloadFailed ? 1 : 0) : null
        ),
        Counter(
            "akkacharging_acl_reloads",
            "Reloads of a changed access list.",
            ["outcome"],
            figures => figures.Acl is { } acl ? [new(acl.Reloads, "success"), new(acl.FailedReloads, "failure")] : []
        ),
    ];

    private static readonly Instrument[] Cluster =
    [
        Gauge(
            "akkacharging_cluster_nodes",
            "Nodes of the cluster as this one sees them.",
            ["state"],
            figures =>
                figures.Cluster is { } cluster ? [new(cluster.Up, "up"), new(cluster.Unreachable, "unreachable")] : []
        ),
        Gauge("akkacharging_cluster_lanes", "Lanes that this node holds.", figures => figures.Cluster?.Lanes),
        Gauge(
            "akkacharging_cluster_configured_lanes",
            "Lanes of the whole cluster.",
            figures => figures.Cluster?.Configured
        ),
        Counter("akkacharging_cluster_lanes_taken", "Lanes that this node took.", figures => figures.Cluster?.Taken),
        Counter(
            "akkacharging_cluster_lanes_lost",
            "Lanes that another node took from this one without a hand-over.",
            figures => figures.Cluster?.Lost
        ),
    ];

    private static readonly Instrument[] Connections =
    [
        Gauge("akkacharging_connections", "Connections that are open.", ["listener"], ByListener(of => of.Open)),
        Gauge(
            "akkacharging_connection_places",
            "Connections that may be open at a time.",
            ["listener"],
            ByListener(of => of.Max)
        ),
        Counter(
            "akkacharging_connections_refused",
            "New connections that were closed at once, because all places were busy.",
            ["listener"],
            ByListener(of => of.Refused)
        ),
        Counter(
            "akkacharging_connections_displaced",
            "Idle connections that were closed for new ones.",
            ["listener"],
            ByListener(of => of.Displaced)
        ),
        Counter(
            "akkacharging_key_failures",
            "Requests rejected for a wrong API key or token, or unchecked after too many wrong ones.",
            ["listener", "outcome"],
            figures =>
                figures.WrongKeys.SelectMany(keys =>
                    new Sample[]
                    {
                        new(keys.Wrong, keys.Listener, "wrong"),
                        new(keys.Delayed, keys.Listener, "delayed"),
                    }
                )
        ),
    ];

    /// <summary>The metrics of the process and the .NET runtime, in addition to those of prometheus-net.</summary>
    /// <remarks>
    /// For Prometheus only: OTLP has the version in its resource, and exports the runtime's own meter. Prometheus does
    /// not get the runtime's meters, because those of its HTTP client have a label for each host, and callers choose
    /// the hosts.
    /// </remarks>
    public static IReadOnlyList<Instrument> Process { get; } =
    [
        Gauge(
            "akkacharging_build_info",
            "1; the label contains the version.",
            ["version"],
            _ => [new(1, ProductVersion.Text)]
        ),
        Gauge(
            "process_max_fds",
            "Files, sockets included, that the process may have open.",
            figures => figures.FileLimit
        ),
        Counter(
            "dotnet_gc_pause",
            "Time for which the garbage collector paused the process.",
            _ => GC.GetTotalPauseDuration().TotalSeconds
        ) with
        {
            IsSeconds = true,
        },
        Counter("dotnet_gc_allocated_bytes", "Bytes allocated.", _ => GC.GetTotalAllocatedBytes()),
        Gauge(
            "dotnet_gc_heap_bytes",
            "Size of the managed heap after the last collection, free space included.",
            _ => GC.GetGCMemoryInfo().HeapSizeBytes
        ),
        Counter("dotnet_lock_contentions", "Lock acquisitions that had to wait.", _ => Monitor.LockContentionCount),
        Gauge("dotnet_threadpool_threads", "Threads in the thread pool.", _ => ThreadPool.ThreadCount),
        Gauge(
            "dotnet_threadpool_queued_items",
            "Work items that wait for a pool thread.",
            _ => ThreadPool.PendingWorkItemCount
        ),
        Counter(
            "dotnet_threadpool_completed_items",
            "Work items that the thread pool has completed.",
            _ => ThreadPool.CompletedWorkItemCount
        ),
    ];

    /// <summary>The service's own metrics, for Prometheus and for OTLP.</summary>
    /// <param name="isNode">Whether this process is a node of a cluster.</param>
    public static IReadOnlyList<Instrument> Of(bool isNode) =>
        isNode ? [.. Service, .. Cluster, .. Connections] : [.. Service, .. Connections];

    private static Instrument Counter(
        string name,
        string help,
        string[] labels,
        Func<Figures, IEnumerable<Sample>> read
    ) => new(InstrumentKind.Counter, name, help, read) { Labels = labels };

    private static Instrument Counter(string name, string help, Func<Figures, double?> read) =>
        Counter(name, help, [], One(read));

    private static Instrument Gauge(
        string name,
        string help,
        string[] labels,
        Func<Figures, IEnumerable<Sample>> read
    ) => new(InstrumentKind.Gauge, name, help, read) { Labels = labels };

    private static Instrument Gauge(string name, string help, Func<Figures, double?> read) =>
        Gauge(name, help, [], One(read));

    /// <summary>Creates the only series of an instrument without labels; none for null.</summary>
    private static Func<Figures, IEnumerable<Sample>> One(Func<Figures, double?> read) =>
        figures => read(figures) is { } value ? [new(value)] : [];

    private static IEnumerable<Sample> By(IReadOnlyDictionary<string, long> counts) =>
        counts.Select(count => new Sample(count.Value, count.Key));

    private static Func<Figures, IEnumerable<Sample>> ByListener(Func<ConnectionPlaces, long> read) =>
        figures => figures.Listeners.Select(listener => new Sample(read(listener.Places), listener.Name));

    private static long Count(Figures figures, AnswerStatus status) =>
        figures.Counts.Requests.GetValueOrDefault(status.Name());

    private static bool IsUsual(DecisionCount decision) =>
        decision.Status
        == decision.Reason switch
        {
            DecisionReason.InAcl or DecisionReason.Authorized => AuthorizationStatus.Allowed,
            DecisionReason.NotInAcl
            or DecisionReason.Blocked
            or DecisionReason.Expired
            or DecisionReason.StationNotAllowed
            or DecisionReason.NoCredit
            or DecisionReason.ConcurrentSession => AuthorizationStatus.NotAllowed,
            _ => AuthorizationStatus.Unknown,
        };
}
