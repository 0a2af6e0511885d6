using Akka.Actor;
using AkkaCharging.Journal;

namespace AkkaCharging.Pipeline.Lanes;

/// <summary>The parts of a node that its lane keepers share.</summary>
/// <param name="Runner">Creates the actor that owns and runs a lane.</param>
internal sealed record LaneParts(
    ISharedJournal Journal,
    LaneSet Lanes,
    Admission Admission,
    Func<Lane, Props> Runner,
    LaneCounts Counts,
    TimeProvider Time
);
