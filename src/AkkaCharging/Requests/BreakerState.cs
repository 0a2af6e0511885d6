namespace AkkaCharging.Requests;

/// <summary>
/// The state of a circuit breaker, of the authorizer or of a destination. The numbers are those of the metric.
/// </summary>
internal enum BreakerState
{
    /// <summary>Every call is made.</summary>
    Closed = 0,

    /// <summary>One call is made, as a probe.</summary>
    HalfOpen = 1,

    /// <summary>No call is made.</summary>
    Open = 2,
}

/// <summary>The names of breaker states in JSON and metrics.</summary>
internal static class BreakerNames
{
    private static readonly string[] States = ["closed", "half_open", "open"];

    /// <summary>Returns the state in snake case.</summary>
    public static string Name(this BreakerState state) => States[(int)state];
}
