using System.Net;

namespace AkkaCharging.Bench.Driving;

/// <summary>What to drive at what.</summary>
/// <param name="Targets">Among which the connections are dealt out.</param>
/// <param name="Rate">Arrivals a second, on a schedule that waits for nobody; null for a closed loop.</param>
/// <param name="Window">In a closed loop: requests accepted and not called back yet, at the most. The driver holds
/// submissions back at it.</param>
/// <param name="AwaitsCallbacks">False for a target that makes none.</param>
/// <param name="CountMax">No more requests than these.</param>
/// <param name="IsHealthy">Whether the callback of a request is to come in spite of the faults; those that have not
/// come are as late as the run is long. Null for all.</param>
/// <param name="RefusalsAreFine">Whether 503 is an answer of this run, not an error of it.</param>
/// <param name="EndsWithTarget">Whether the target is killed meanwhile, and the run over with it.</param>
internal sealed record LoadPlan(
    IReadOnlyList<IPEndPoint> Targets,
    Submissions Submissions,
    int Connections,
    TimeSpan WarmUp,
    TimeSpan Duration,
    double? Rate = null,
    int Window = 1_024,
    bool AwaitsCallbacks = true,
    bool RefusalsAreFine = false,
    int CountMax = int.MaxValue,
    Func<int, bool>? IsHealthy = null,
    bool EndsWithTarget = false
)
{
    /// <summary>Whether callbacks a second are what the run is for.</summary>
    public bool CountsCallbacks =>
        this is { Rate: null, AwaitsCallbacks: true, CountMax: int.MaxValue, RefusalsAreFine: false };
}
