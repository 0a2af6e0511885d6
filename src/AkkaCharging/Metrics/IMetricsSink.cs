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

    /// <summary>Returns the points of the last hour, oldest first.</summary>
    /// <param name="pending">Number of pending requests at present.</param>
    /// <exception cref="AskTimeoutException">The metrics actor is too busy, or has ended.</exception>
    Task<IReadOnlyList<HistoryPoint>> GetHistoryAsync(long pending, CancellationToken cancellationToken);
}
