using Akka.Actor;
using Akka.Event;
using AkkaCharging.Journal;

namespace AkkaCharging.Pipeline.Lanes;

/// <summary>
/// The lanes of a standalone process. All of them start at once, and requests of earlier processes are resumed
/// alongside new work.
/// </summary>
internal sealed class StandaloneLanes(ChargingService service, IRequestJournal journal, TimeProvider time) : ILaneOwner
{
    private readonly List<IActorRef> _owners = [];
    private readonly Recovery _recovery = new(
        journal,
        journal.ReadUnsettledAsync,
        id => service.Lanes.Of(id, number: 0)!,
        goesOn: true,
        service.Admission,
        time
    );

    /// <inheritdoc/>
    public void Start(ActorSystem system)
    {
        var runner = service.CreateRunner(system);
        foreach (var lane in service.Lanes.All)
            _owners.Add(system.ActorOf(runner(lane), $"lane-{lane.Number}"));
        _recovery.Start(Logging.GetLogger(system, this));
    }

    /// <inheritdoc/>
    public async Task<LaneStop> StopAsync(TimeSpan grace)
    {
        await _recovery.StopAsync();
        service.LeaveToJournal();
        try
        {
            var bound = grace + LaneActorTimes.AbortGrace + LaneActorTimes.AnswerPatience;
            var lanes = await Task.WhenAll(
                _owners.Select(owner => owner.Ask<LaneActor.Drained>(new LaneActor.Drain(grace), bound))
            );
            return new LaneStop.Drained(lanes.Sum(lane => lane.Left) + journal.Status.Backlog);
        }
        catch (AskTimeoutException)
        {
            // A lane that does not answer counts as leaving all of its requests.
            return new LaneStop.Drained(service.Status.Pending);
        }
    }
}
