using AkkaCharging.Settings;
using Prometheus;

namespace AkkaCharging.Host.Metrics;

/// <summary>Writes <see cref="Instruments"/> and the histograms of a registry in Prometheus' formats.</summary>
internal sealed class PrometheusMetrics
{
    private readonly CollectorRegistry _registry;
    private readonly (Instrument Instrument, Action<Sample> Set)[] _instruments;

    /// <param name="registry">Holds the histograms already.</param>
    public PrometheusMetrics(CollectorRegistry registry, ClusterSettings cluster)
    {
        _registry = registry;
        var metrics = Prometheus.Metrics.WithCustomRegistry(registry);
        metrics.ExemplarBehavior = ExemplarBehavior.NoExemplars();
        _instruments =
        [
            .. Instruments
                .Of(cluster.Enabled)
                .Concat(Instruments.Process)
                .Select(instrument => (instrument, Register(metrics, instrument))),
        ];
        DotNetStats.Register(registry);
    }

    /// <summary>Writes <paramref name="figures"/>.</summary>
    public Task WriteAsync(Figures figures, MetricsFormat format, Stream body, CancellationToken cancellationToken)
    {
        foreach (var (instrument, set) in _instruments)
        {
            foreach (var sample in instrument.Read(figures))
                set(sample);
        }

        return _registry.CollectAndExportAsTextAsync(
            body,
            format == MetricsFormat.OpenMetrics ? ExpositionFormat.OpenMetricsText : ExpositionFormat.PrometheusText,
            cancellationToken
        );
    }

    // A series appears with its first sample: an instrument without any, such as the access list's when decisions come
    // from a back end, has none.
    private static Action<Sample> Register(MetricFactory metrics, Instrument instrument)
    {
        var (name, help, labels) = (instrument.PrometheusName, instrument.Help, instrument.Labels);
        if (instrument.Kind == InstrumentKind.Gauge)
        {
            var gauge = metrics.CreateGauge(name, help, labels, new() { SuppressInitialValue = true });
            return sample => gauge.WithLabels(sample.Labels).Set(sample.Value);
        }

        // Figures of two scrapes at a time may overtake each other: counters only ever rise.
        var counter = metrics.CreateCounter(name, help, labels, new() { SuppressInitialValue = true });
        return sample => counter.WithLabels(sample.Labels).IncTo(sample.Value);
    }
}
