using Prometheus;

namespace AkkaCharging.Metrics;

/// <summary>How long each stage took, and what the journal's commits were like: in fixed buckets, for Prometheus. Filled by the metrics actor alone.</summary>
internal sealed class MetricsHistograms
{
    // From a group commit on a fast disk to request.maxAgeMillis.
    private static readonly double[] StageSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
    private static readonly double[] CommitSeconds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

    // Up to the largest batch of either journal.
    private static readonly double[] BatchWrites = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048];

    private readonly Histogram.Child _accept;
    private readonly Histogram.Child _queueWait;
    private readonly Histogram.Child _authorization;
    private readonly Histogram.Child _callback;
    private readonly Histogram.Child _endToEnd;
    private readonly Histogram _commit;
    private readonly Histogram _batch;

    public MetricsHistograms(CollectorRegistry registry)
    {
        var metrics = Prometheus.Metrics.WithCustomRegistry(registry);
        var stages = metrics.CreateHistogram(
            "akkacharging_stage_duration_seconds",
            "How long a stage took: accept (submissions that were accepted), queue_wait (acceptance to authorizer), authorization, callback (one attempt), "
            + "end_to_end (acceptance to settlement; without redriven requests).",
            ["stage"],
            new HistogramConfiguration { Buckets = StageSeconds, ExemplarBehavior = ExemplarBehavior.NoExemplars() });
        _accept = stages.WithLabels("accept");
        _queueWait = stages.WithLabels("queue_wait");
        _authorization = stages.WithLabels("authorization");
        _callback = stages.WithLabels("callback");
        _endToEnd = stages.WithLabels("end_to_end");
        _commit = metrics.CreateHistogram(
            "akkacharging_journal_commit_duration_seconds",
            "How long a group commit of the journal took.",
            new HistogramConfiguration { Buckets = CommitSeconds, ExemplarBehavior = ExemplarBehavior.NoExemplars() });
        _batch = metrics.CreateHistogram(
            "akkacharging_journal_batch_writes",
            "How many writes shared a group commit of the journal.",
            new HistogramConfiguration { Buckets = BatchWrites, ExemplarBehavior = ExemplarBehavior.NoExemplars() });
    }

    public void Apply(MetricsEvent happened)
    {
        switch (happened)
        {
            case SubmissionAnswered { Outcome: "accepted" } accepted:
                _accept.Observe(accepted.Duration.TotalSeconds);
                break;
            case DecisionMade decision:
                _queueWait.Observe(decision.QueueWait.TotalSeconds);
                _authorization.Observe(decision.Duration.TotalSeconds);
                break;
            case CallbackAttempted attempt:
                _callback.Observe(attempt.Duration.TotalSeconds);
                break;
            case RequestSettled { IsRedriven: false } settled:
                _endToEnd.Observe(settled.EndToEnd.TotalSeconds);
                break;
            case JournalCommitted committed:
                _commit.Observe(committed.Duration.TotalSeconds);
                _batch.Observe(committed.Writes);
                break;
        }
    }
}
