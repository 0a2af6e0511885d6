using Akka.Actor;
using AkkaCharging.Journal;

namespace AkkaCharging.Pipeline.Lanes;

/// <summary>What keepers of lanes share: the node that they are on.</summary>
/// <param name="Runner">Owns and runs a lane.</param>
internal sealed record LaneParts(
    ISharedJournal Journal,
    LaneSet Lanes,
    Admission Admission,
    Func<Lane, Props> Runner,
    LaneCounts Counts,
    TimeProvider Time
);
