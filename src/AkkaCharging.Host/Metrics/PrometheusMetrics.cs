using AkkaCharging.Host.Http;
using AkkaCharging.Settings;
using Prometheus;

namespace AkkaCharging.Host.Metrics;

/// <summary>Writes <see cref="Instruments"/> and the histograms of a registry in the formats of Prometheus.</summary>
/// <remarks>
/// A text takes 5 to 10 ms of processor time and needs no key, so it is cached for a second and created by one request
/// at a time. JSON takes a fraction of that and is not cached.
/// </remarks>
internal sealed class PrometheusMetrics : IDisposable
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _making = new(1);
    private readonly Dictionary<MetricsFormat, Kept<byte[]>> _texts;
    private readonly CollectorRegistry _registry;
    private readonly (Instrument Instrument, Action<Sample> Set)[] _instruments;

    /// <param name="registry">The registry, which already contains the histograms.</param>
    public PrometheusMetrics(CollectorRegistry registry, ClusterSettings cluster, TimeProvider time)
    {
        _registry = registry;
        _texts = new[] { MetricsFormat.PrometheusText, MetricsFormat.OpenMetrics }.ToDictionary(
            format => format,
            _ => new Kept<byte[]>(_making, Lifetime, time)
        );
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

    /// <summary>Returns the cached text of the last second; null when there is none.</summary>
    public byte[]? CurrentText(MetricsFormat format) => _texts[format].Current;

    /// <summary>
    /// Returns the text of <paramref name="figures"/>, or the one that another request created in the meantime.
    /// </summary>
    /// <remarks>
    /// The figures are read before waiting for the turn: while the metrics actor does not answer, callers must not wait
    /// for it one after the other.
    /// </remarks>
    public ValueTask<byte[]> TextAsync(Figures figures, MetricsFormat format, CancellationToken cancellationToken) =>
        _texts[format].GetAsync(() => WriteAsync(figures, format), cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => _making.Dispose();

    private async Task<byte[]> WriteAsync(Figures figures, MetricsFormat format)
    {
        foreach (var (instrument, set) in _instruments)
        {
            foreach (var sample in instrument.Read(figures))
                set(sample);
        }

        using var text = new MemoryStream();
        await _registry.CollectAndExportAsTextAsync(
            text,
            format == MetricsFormat.OpenMetrics ? ExpositionFormat.OpenMetricsText : ExpositionFormat.PrometheusText
        );
        return text.ToArray();
    }

    // A series appears with its first sample: an instrument without samples, such as the access list's when decisions
    // come from a back end, has none.
    private static Action<Sample> Register(MetricFactory metrics, Instrument instrument)
    {
        var (name, help, labels) = (instrument.PrometheusName, instrument.Help, instrument.Labels);
        if (instrument.Kind == InstrumentKind.Gauge)
        {
            var gauge = metrics.CreateGauge(name, help, labels, new() { SuppressInitialValue = true });
            return sample => gauge.WithLabels(sample.Labels).Set(sample.Value);
        }

        // Figures of two scrapes may overtake each other while they wait, and counters may only rise.
        var counter = metrics.CreateCounter(name, help, labels, new() { SuppressInitialValue = true });
        return sample => counter.WithLabels(sample.Labels).IncTo(sample.Value);
    }
}
