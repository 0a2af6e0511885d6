using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>
/// Whether scenarios hold what they time to the bounds of a quiet machine. <c>bench/failover.sh</c> asks for it; beside
/// a busy neighbour a scenario holds only what must be true on any machine.
/// </summary>
internal static class Measurement
{
    /// <summary>Whether this run measures.</summary>
    public static bool IsOn { get; } = Environment.GetEnvironmentVariable("AKKACHARGING_MEASURE") == "true";

    /// <summary>The bound of a run that measures; <see cref="Eventually.Patience"/> for any other.</summary>
    public static TimeSpan Within(TimeSpan bound) => IsOn ? bound : Eventually.Patience;
}

/// <summary>Tests that measure what a process does: each runs when no other does.</summary>
[CollectionDefinition(nameof(RunsAlone), DisableParallelization = true)]
public sealed class RunsAlone;
