namespace AkkaCharging.Host.Metrics;

/// <summary>The kind of an <see cref="Instrument"/>.</summary>
internal enum InstrumentKind
{
    /// <summary>A count since the start, which only rises.</summary>
    Counter,

    /// <summary>A current value, which may rise and fall.</summary>
    Gauge,
}

/// <summary>A value of one series of an instrument.</summary>
/// <param name="Labels">Values of the instrument's labels, in their order.</param>
internal sealed record Sample(double Value, params string[] Labels);

/// <summary>A metric: its declaration, and how its samples are read from the figures.</summary>
/// <param name="Name">The name without the suffixes of Prometheus (<c>_seconds</c>, <c>_total</c>).</param>
internal sealed record Instrument(
    InstrumentKind Kind,
    string Name,
    string Help,
    Func<Figures, IEnumerable<Sample>> Read
)
{
    /// <summary>Names of the labels; none for an instrument of a single series.</summary>
    public string[] Labels { get; init; } = [];

    /// <summary>Whether values are seconds with fractions; otherwise they are whole numbers without a unit.</summary>
    public bool IsSeconds { get; init; }

    /// <summary>Whether OTLP omits series that are still zero.</summary>
    /// <remarks>
    /// Prometheus gets them from the start, because its <c>rate()</c> ignores a counter's first value. OTLP states the
    /// start of a counter in each point.
    /// </remarks>
    public bool ExportsNoZeros { get; init; }

    /// <summary>Name of the metric in Prometheus.</summary>
    public string PrometheusName =>
        Name + (IsSeconds ? "_seconds" : "") + (Kind == InstrumentKind.Counter ? "_total" : "");
}
