using System.Diagnostics.Metrics;
using Akka.Actor;
using AkkaCharging.Metrics;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Metrics;

/// <summary>Exports <see cref="Instruments"/> as instruments of a meter.</summary>
/// <remarks>
/// The names are the same as in <c>/metrics</c>, without the suffixes of Prometheus: behind a collector that feeds
/// Prometheus they are the same series. A collection reads the figures of the last <see cref="RefreshAsync"/> and never
/// waits, so all instruments show the same point in time.
/// </remarks>
internal sealed class OtlpMetrics(Meter meter, IMetricsSink metrics, FiguresReader reader, ClusterSettings cluster)
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "AkkaCharging";

    private MetricsSnapshot? _counts;
    private volatile Figures? _figures;

    /// <summary>Creates the instruments.</summary>
    public void Open()
    {
        foreach (var instrument in Instruments.Of(cluster.Enabled))
        {
            if (instrument.IsSeconds)
                Create(instrument, value => value);
            else
                Create(instrument, value => (long)value);
        }
    }

    /// <summary>Reads the current figures for the following collections; must not be called concurrently.</summary>
    /// <remarks>Counts keep their last values when the metrics actor is too busy to answer, or has ended.</remarks>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        try
        {
            _counts = await metrics.GetAsync(cancellationToken);
        }
        catch (Exception e) when (e is AskTimeoutException or TimeoutException) { }

        if (_counts is not null)
            _figures = await reader.ReadAsync(_counts);
    }

    private void Create<T>(Instrument instrument, Func<double, T> convert)
        where T : struct
    {
        var unit = instrument.IsSeconds ? "s" : null;
        if (instrument.Kind == InstrumentKind.Counter)
            meter.CreateObservableCounter(instrument.Name, Measure, unit, instrument.Help);
        else
            meter.CreateObservableGauge(instrument.Name, Measure, unit, instrument.Help);

        IEnumerable<Measurement<T>> Measure() =>
            _figures is { } figures
                ? instrument
                    .Read(figures)
                    .Where(sample => sample.Value > 0 || !instrument.ExportsNoZeros)
                    .Select(sample => new Measurement<T>(convert(sample.Value), Tags(instrument, sample)))
                : [];
    }

    private static IEnumerable<KeyValuePair<string, object?>> Tags(Instrument instrument, Sample sample) =>
        instrument.Labels.Zip(sample.Labels, (label, value) => new KeyValuePair<string, object?>(label, value));
}
