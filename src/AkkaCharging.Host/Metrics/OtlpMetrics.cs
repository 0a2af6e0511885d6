using System.Diagnostics.Metrics;
using Akka.Actor;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Acl;
using AkkaCharging.Clustering;
using AkkaCharging.DeadLetters;
using AkkaCharging.Host.Connections;
using AkkaCharging.Journal;
using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Metrics;

/// <summary>
/// The figures of <c>/metrics</c> as instruments of a meter, read from the metrics actor's snapshot when an exporter
/// collects.
/// </summary>
/// <remarks>
/// Names and labels are those of <c>/metrics</c> without what Prometheus appends to them (<c>_total</c>,
/// <c>_seconds</c>): behind a collector that feeds a Prometheus they are the same series. Histograms are recorded by
/// the actor itself, see <see cref="MetricsHistograms"/>.
/// </remarks>
internal sealed class OtlpMetrics(
    Meter meter,
    IMetricsSink metrics,
    ChargingService service,
    IRequestJournal journal,
    DeadLetterCount deadLetters,
    IAuthorizer authorizer,
    QueueSettings queue,
    BoundedTransport transport,
    TimeProvider time,
    ClusterNode? node = null
)
{
    /// <summary>Of the one meter.</summary>
    public const string MeterName = "AkkaCharging";

    // One collection asks each instrument in turn: all of them show the same moment.
    private static readonly TimeSpan CollectionMax = TimeSpan.FromSeconds(1);

    private MetricsSnapshot? _figures;
    private long? _askedAt;

    /// <summary>Makes the instruments.</summary>
    public void Open()
    {
        Count(
            "akkacharging_requests",
            "Submissions answered, by the status of the answer.",
            figures => By("outcome", figures.Requests)
        );
        Count(
            "akkacharging_decisions",
            "Decisions journaled.",
            figures =>
                figures
                    .DecisionsByReason.Where(decision => decision.Count > 0)
                    .Select(decision => new Measurement<long>(
                        decision.Count,
                        new("status", decision.Status.Name()),
                        new("reason", decision.Reason.Name())
                    ))
        );
        Count(
            "akkacharging_callback_attempts",
            "Callback attempts that ended.",
            figures => By("outcome", figures.Attempts)
        );
        Count(
            "akkacharging_callback_attempt_failures",
            "Callback attempts that failed, by cause.",
            figures => By("cause", figures.AttemptFailures)
        );
        Count(
            "akkacharging_deliveries",
            "Requests settled; failed ones are dead letters.",
            figures => By("outcome", figures.Settled)
        );
        meter.CreateObservableCounter(
            "akkacharging_callback_connections_unopened",
            () => By("resource", service.Load.Unopened),
            unit: null,
            "Connections for callbacks that could not be opened because this process lacked a resource."
        );
        Count(
            "akkacharging_circuit_breaker_transitions",
            "Times the authorizer's circuit breaker entered a state.",
            figures => By("state", figures.BreakerTransitions)
        );
        meter.CreateObservableCounter<long>(
            "akkacharging_stream_restarts",
            () => service.Status.Restarts,
            unit: null,
            "Graphs of the pipeline that died and were run again."
        );
        Gauge("akkacharging_queue_depth_requests", "Requests accepted and not settled.", () => service.Status.Pending);
        Gauge(
            "akkacharging_queue_capacity_requests",
            "How many requests may be pending before new ones are refused.",
            () => queue.MaxSize
        );
        meter.CreateObservableGauge(
            "akkacharging_oldest_pending_age",
            () => service.Load.OldestAge.TotalSeconds,
            "s",
            "Age of the oldest pending request; 0 without any."
        );
        meter.CreateObservableGauge<long>(
            "akkacharging_in_flight_calls",
            InFlight,
            unit: null,
            "Calls of authorizer and receivers that wait for an answer."
        );
        Gauge(
            "akkacharging_circuit_breaker_state",
            "The authorizer's circuit breaker: 0 closed, 1 half-open, 2 open.",
            () => (long)service.Status.Breaker
        );
        Gauge(
            "akkacharging_journal_available",
            "1 when the journal takes requests, else 0.",
            () => journal.Status.IsAvailable ? 1 : 0
        );
        Gauge(
            "akkacharging_journal_backlog_requests",
            "Requests of an earlier process that were not taken up yet.",
            () => journal.Status.Backlog
        );
        Gauge(
            "akkacharging_journal_damaged_requests",
            "Unsettled requests in the journal that cannot be read.",
            () => journal.Status.Damaged
        );
        meter.CreateObservableGauge(
            "akkacharging_dead_letter_requests",
            DeadLetters,
            unit: null,
            "Failed requests that can be redriven, as counted some seconds ago."
        );
        ConnectionMetrics.Open(meter, transport);
        if (node is not null)
            OpenCluster(node);
        if (authorizer is not AclAuthorizer acl)
            return;
        Gauge("akkacharging_acl_rules", "Rules of the access list in force.", () => acl.Status.RuleCount);
        Gauge(
            "akkacharging_acl_last_reload_failed",
            "1 when the access list in force is older than its file, because the file is broken or gone.",
            () => acl.Status.LastReloadFailed ? 1 : 0
        );
        meter.CreateObservableCounter<long>(
            "akkacharging_acl_reloads",
            () => Reloads(acl.Status),
            unit: null,
            "Changed access lists that were read."
        );
    }

    private void OpenCluster(ClusterNode node)
    {
        meter.CreateObservableGauge<long>(
            "akkacharging_cluster_nodes",
            () => Nodes(node.Figures),
            unit: null,
            "Nodes of the cluster as this one sees them."
        );
        Gauge("akkacharging_cluster_lanes", "Lanes that this node holds.", () => node.Figures.Lanes);
        Gauge("akkacharging_cluster_configured_lanes", "Lanes of the whole cluster.", () => node.Figures.Configured);
        meter.CreateObservableCounter(
            "akkacharging_cluster_lanes_taken",
            () => node.Figures.Taken,
            unit: null,
            "Lanes that this node took or was given."
        );
        meter.CreateObservableCounter(
            "akkacharging_cluster_lanes_lost",
            () => node.Figures.Lost,
            unit: null,
            "Lanes that another node took from this one without being given them."
        );

        static IEnumerable<Measurement<long>> Nodes(ClusterFigures figures) =>
            [
                new(figures.Up, new KeyValuePair<string, object?>("state", "up")),
                new(figures.Unreachable, new KeyValuePair<string, object?>("state", "unreachable")),
            ];
    }

    private void Count(
        string name,
        string description,
        Func<MetricsSnapshot, IEnumerable<Measurement<long>>> measure
    ) =>
        meter.CreateObservableCounter(
            name,
            () => Figures is { } figures ? measure(figures) : [],
            unit: null,
            description
        );

    private void Gauge(string name, string description, Func<long> measure) =>
        meter.CreateObservableGauge(name, measure, unit: null, description);

    /// <summary>
    /// Of this collection, or the last that could be had; null before the first. Used by the exporter's thread alone,
    /// which may wait.
    /// </summary>
    private MetricsSnapshot? Figures
    {
        get
        {
            if (_askedAt is { } askedAt && time.GetElapsedTime(askedAt) < CollectionMax)
                return _figures;
            try
            {
                return _figures = metrics.GetAsync(CancellationToken.None).GetAwaiter().GetResult();
            }
            catch (Exception e) when (e is AskTimeoutException or TimeoutException)
            {
                return _figures; // the actor is too busy, or gone
            }
            finally
            {
                // of the answer: an actor that does not answer is waited for once in a collection
                _askedAt = time.GetTimestamp();
            }
        }
    }

    // None while they have not been counted. The exporter's thread waits, as for the figures.
    private IEnumerable<Measurement<long>> DeadLetters() =>
        deadLetters.LatestAsync().AsTask().GetAwaiter().GetResult() is { } count ? [new(count)] : [];

    private IEnumerable<Measurement<long>> InFlight()
    {
        var load = service.Load;
        return
        [
            new(load.Authorizations, new KeyValuePair<string, object?>("stage", "authorization")),
            new(load.Callbacks, new KeyValuePair<string, object?>("stage", "callback")),
        ];
    }

    private static IEnumerable<Measurement<long>> Reloads(AclStatus acl) =>
        [
            new(acl.Reloads, new KeyValuePair<string, object?>("outcome", "success")),
            new(acl.FailedReloads, new KeyValuePair<string, object?>("outcome", "failure")),
        ];

    private static IEnumerable<Measurement<long>> By(string label, IReadOnlyDictionary<string, long> counts) =>
        counts.Select(count => new Measurement<long>(count.Value, new KeyValuePair<string, object?>(label, count.Key)));
}
