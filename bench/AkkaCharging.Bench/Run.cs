using AkkaCharging.Bench.Driving;

namespace AkkaCharging.Bench;

/// <summary>
/// What one run of the driver cost and came to. Processor time and allocations are those of the measured seconds,
/// divided by the journeys in them.
/// </summary>
/// <param name="ServiceMicros">Processor microseconds of the service or peer for each journey, in which the callback is
/// included.</param>
/// <param name="JournalMicros">The same of PostgreSQL's processes.</param>
/// <param name="AllocatedBytes">The service's or peer's, for each journey.</param>
/// <param name="Sleeps">How often one of the service's or peer's threads went to sleep, to be woken again, for each
/// journey.</param>
/// <param name="CompilingShare">Of the service's processor time: more than a few percent, and the warm-up was too short
/// for this machine.</param>
/// <param name="ForeignLoad">Processors that were busy with what is not ours: on a quiet machine about 0.</param>
/// <param name="StolenLoad">Processors that a virtual machine wanted and its host gave to others: stalls that are
/// nobody's fault here.</param>
internal sealed record Run(
    string Target,
    LoadResult Load,
    double PerSecond,
    double ServiceMicros,
    double DriverMicros,
    double ReceiverMicros,
    double JournalMicros,
    double AllocatedBytes,
    double Sleeps,
    double GcPauseShare,
    double CompilingShare,
    double ForeignLoad,
    double StolenLoad
)
{
    public double AcceptMillis(double percentile) => LoadResult.Millis(Load.Accept, percentile);

    public double EndToEndMillis(double percentile) => LoadResult.Millis(Load.EndToEnd, percentile);
}
