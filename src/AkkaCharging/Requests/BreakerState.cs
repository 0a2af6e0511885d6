namespace AkkaCharging.Requests;

/// <summary>
/// Where a circuit breaker stands: the authorizer's, or a destination's. The numbers are those of the metric.
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

/// <summary>How breaker states are spelled in JSON and metrics.</summary>
internal static class BreakerNames
{
    private static readonly string[] States = ["closed", "half_open", "open"];

    /// <summary>The state in snake case.</summary>
    public static string Name(this BreakerState state) => States[(int)state];
}
