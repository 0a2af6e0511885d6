using Akka.Actor;

namespace AkkaCharging.Metrics;

/// <summary>Counts metrics events.</summary>
internal interface IMetricsSink
{
    /// <summary>Counts an event; never blocks.</summary>
    void Tell(MetricsEvent happened);

    /// <summary>Returns a snapshot of the figures.</summary>
    /// <exception cref="AskTimeoutException">The metrics actor is too busy, or has ended.</exception>
    Task<MetricsSnapshot> GetAsync(CancellationToken cancellationToken);
}
