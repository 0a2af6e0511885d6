namespace AkkaCharging.Authorization;

/// <summary>Whether the authorizer is asked. The numbers are those of the metric.</summary>
public enum BreakerState
{
    /// <summary>Every request is asked about.</summary>
    Closed = 0,

    /// <summary>One request is asked about, as a probe; the others are answered <c>circuit_open</c>.</summary>
    HalfOpen = 1,

    /// <summary>None is asked about.</summary>
    Open = 2,
}

/// <summary>How breaker states are spelled in JSON and metrics.</summary>
public static class BreakerNames
{
    private static readonly string[] States = ["closed", "half_open", "open"];

    /// <summary>The state in snake case.</summary>
    public static string Name(this BreakerState state) => States[(int)state];
}
