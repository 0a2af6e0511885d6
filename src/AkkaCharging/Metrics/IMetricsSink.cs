using Akka.Actor;

namespace AkkaCharging.Metrics;

/// <summary>Where events are counted.</summary>
internal interface IMetricsSink
{
    /// <summary>Counts; never blocks.</summary>
    void Tell(MetricsEvent happened);

    /// <summary>The figures of this moment.</summary>
    /// <exception cref="AskTimeoutException">The metrics actor is too busy, or gone.</exception>
    Task<MetricsSnapshot> GetAsync(CancellationToken cancellationToken);
}
