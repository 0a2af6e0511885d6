using System.Diagnostics.Metrics;
using Prometheus;

namespace AkkaCharging.Metrics;

/// <summary>
/// The durations of the stages and of the journal's commits, in fixed buckets, for Prometheus and OTLP. Written by the
/// metrics actor only.
/// </summary>
internal sealed class MetricsHistograms
{
    // From a group commit on a fast disk to request.maxAgeMillis.
    private static readonly double[] StageSeconds =
    [
        0.0005,
        0.001,
        0.0025,
        0.005,
        0.01,
        0.025,
        0.05,
        0.1,
        0.25,
        0.5,
        1,
        2.5,
        5,
        10,
        30,
        60,
        300,
    ];
    private static readonly double[] CommitSeconds =
    [
        0.0001,
        0.00025,
        0.0005,
        0.001,
        0.0025,
        0.005,
        0.01,
        0.025,
        0.05,
        0.1,
        0.25,
        0.5,
        1,
        2.5,
        5,
    ];

    // Up to the size of the largest batch of either journal.
    private static readonly double[] BatchWrites = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048];

    private readonly Series _accept;
    private readonly Series _queueWait;
    private readonly Series _authorization;
    private readonly Series _callback;
    private readonly Series _endToEnd;
    private readonly Series _commit;
    private readonly Series _batch;

    /// <param name="meter">Meter that gets the same observations, because an OpenTelemetry SDK does not accept
    /// histograms counted elsewhere; null when nothing is exported.</param>
    public MetricsHistograms(CollectorRegistry registry, Meter? meter = null)
    {
        var factory = new Factory(Prometheus.Metrics.WithCustomRegistry(registry), meter);
        var stage = factory.Create(
            "akkacharging_stage_duration",
            "s",
            "How long a stage took: accept (submissions that were accepted), queue_wait (acceptance to "
                + "authorizer), authorization, callback (one attempt), "
                + "end_to_end (acceptance to settlement; without redriven requests).",
            StageSeconds,
            "stage"
        );
        _accept = stage("accept");
        _queueWait = stage("queue_wait");
        _authorization = stage("authorization");
        _callback = stage("callback");
        _endToEnd = stage("end_to_end");
        _commit = factory.Create(
            "akkacharging_journal_commit_duration",
            "s",
            "How long a group commit of the journal took.",
            CommitSeconds
        )("");
        _batch = factory.Create(
            "akkacharging_journal_batch_writes",
            unit: null,
            "How many writes shared a group commit of the journal.",
            BatchWrites
        )("");
    }

    public void Apply(MetricsEvent happened)
    {
        switch (happened)
        {
            case SubmissionAnswered { Outcome: AnswerStatus.Accepted } accepted:
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

    /// <summary>
    /// Creates the histograms of Prometheus and of the meter with the same name, text, buckets and observations.
    /// </summary>
    private sealed class Factory(MetricFactory prometheus, Meter? meter)
    {
        /// <param name="unit">The unit: seconds, or null; Prometheus has it in the name.</param>
        /// <param name="label">The label whose values distinguish the series; null for a single series.</param>
        /// <returns>A function that creates the series of a label's value.</returns>
        public Func<string, Series> Create(
            string name,
            string? unit,
            string description,
            double[] buckets,
            string? label = null
        )
        {
            var scraped = prometheus.CreateHistogram(
                unit is null ? name : $"{name}_seconds",
                description,
                label is null ? [] : [label],
                new HistogramConfiguration { Buckets = buckets, ExemplarBehavior = ExemplarBehavior.NoExemplars() }
            );
            var exported = meter?.CreateHistogram(
                name,
                unit,
                description,
                tags: null,
                new InstrumentAdvice<double> { HistogramBucketBoundaries = buckets }
            );
            return value =>
                label is null
                    ? new(scraped.WithLabels(), exported, [])
                    : new(scraped.WithLabels(value), exported, [new(label, value)]);
        }
    }

    private sealed class Series(
        Histogram.Child scraped,
        Histogram<double>? exported,
        KeyValuePair<string, object?>[] tags
    )
    {
        public void Observe(double value)
        {
            scraped.Observe(value);
            exported?.Record(value, tags);
        }
    }
}
