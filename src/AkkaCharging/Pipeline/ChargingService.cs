using Akka.Actor;
using Akka.Hosting;
using AkkaCharging.Authorization;
using AkkaCharging.Callbacks;
using AkkaCharging.Cluster;
using AkkaCharging.Journal;
using AkkaCharging.Settings;
using Microsoft.Extensions.Logging;

namespace AkkaCharging.Pipeline;

/// <summary>How the pipeline is, for health and metrics.</summary>
/// <param name="Worst">The worst of its lanes' states.</param>
/// <param name="Restarts">How often a graph died.</param>
/// <param name="Pending">Requests accepted and not settled.</param>
internal sealed record PipelineStatus(LaneState Worst, int Restarts, long Pending, BreakerState Breaker);

/// <summary>What the pipeline has under way.</summary>
/// <param name="OldestAge">Of the requests in the lanes; zero without any.</param>
/// <param name="Authorizations">Calls of the authorizer that wait for an answer.</param>
/// <param name="Callbacks">Attempts that wait for an answer.</param>
/// <param name="Unopened">Connections that could not be opened, by what this process lacked, since the start.</param>
internal sealed record PipelineLoad(TimeSpan OldestAge, int Authorizations, int Callbacks, IReadOnlyDictionary<string, long> Unopened);

/// <summary>The lanes and their intake, from start to drained.</summary>
/// <remarks>Alone it has its lanes from the start. As a node of a cluster it has those that <see cref="LaneKeeper"/>s bring, and hands them over instead of draining.</remarks>
internal sealed class ChargingService : IDisposable
{
    private readonly ChargingSettings _settings;
    private readonly IAuthorizer _authorizer;
    private readonly ICallbackClient _callbacks;
    private readonly IRequestJournal _journal;
    private readonly IPipelineObserver _observer;
    private readonly TimeProvider _time;
    private readonly Admission _admission;
    private readonly Lanes _lanes;
    private readonly List<IActorRef> _owners = [];
    private readonly Recovery? _recovery;
    private readonly TokenBucket? _throttle;
    private GuardedAuthorizer? _guarded;

    public ChargingService(
        ChargingSettings settings, IAuthorizer authorizer, ICallbackClient callbacks, IRequestJournal journal, IPipelineObserver observer, TimeProvider time,
        ILogger<ResourceGate>? logger = null)
    {
        (_settings, _authorizer, _callbacks, _journal, _observer, _time) = (settings, authorizer, callbacks, journal, observer, time);
        Resources = new ResourceGate(time, logger);
        Destinations = new Destinations(settings.Callback, settings.Queue, time);
        _admission = new Admission(settings.Queue.MaxSize, Destinations, time);
        _throttle = ThrottleStage.CreateBucket(settings.Authorization.Throttle, time);
        _lanes = settings.Cluster.Enabled ? Lanes.OfNode() : Lanes.Alone(settings.Queue.ConsumerThreads, _admission);
        if (!settings.Cluster.Enabled)
            _recovery = new Recovery(journal, journal.ReadUnsettledAsync, id => _lanes.Of(id, number: 0)!, goesOn: true, _admission, time);
        DeadLetters = new DeadLetters(settings.Callback.RedrivesPerSecond, _admission, journal, _lanes, time);
        Intake = new Intake(settings.Request, _admission, journal, _lanes, time);
    }

    public Intake Intake { get; }

    /// <summary>The receivers that requests are pending for.</summary>
    public Destinations Destinations { get; }

    /// <summary>Where callbacks wait that this process had no file, port or memory for.</summary>
    public ResourceGate Resources { get; }

    public DeadLetters DeadLetters { get; }

    /// <summary>What happened to this node's lanes.</summary>
    public ClusterCounts Counts { get; } = new();

    /// <summary>Lanes that are here at present.</summary>
    public int LaneCount => _lanes.All.Length;

    public PipelineStatus Status => new(
        _lanes.All.Select(lane => lane.State).DefaultIfEmpty(LaneState.Restarting).Max(), _lanes.All.Sum(lane => lane.Restarts), _admission.Pending + _journal.Status.Backlog, _guarded?.State ?? BreakerState.Closed);

    public PipelineLoad Load => new(
        _lanes.All.Select(lane => lane.OldestAge).DefaultIfEmpty().Max(),
        _guarded?.InFlight ?? 0,
        Destinations.InFlight,
        Resources.Status.Failures);

    /// <summary>Starts an owner for each lane, and beside new work the recovery of what an earlier process left.</summary>
    public void Start(ActorSystem system)
    {
        var runner = Runner(system);
        foreach (var lane in _lanes.All)
            _owners.Add(system.ActorOf(runner(lane), $"lane-{lane.Number}"));
        _recovery!.Start();
    }

    /// <summary>What the keepers of this node's lanes need.</summary>
    public NodeParts Join(ActorSystem system) => new((ISharedJournal)_journal, _lanes, _admission, Runner(system), Counts, _time);

    /// <summary>From here on so many nodes share the limits that are meant for the whole cluster.</summary>
    public void Divide(int nodes)
    {
        _throttle?.Divide(nodes);
        Destinations.Divide(nodes);
    }

    /// <summary>Refuses new work, finishes what is pending within <paramref name="grace"/>.</summary>
    /// <returns>How many requests are left, with the journal alone: those that the lanes gave up and those that they had not taken up yet.</returns>
    public async Task<long> DrainAsync(TimeSpan grace)
    {
        await CloseAsync();
        var bound = grace + LaneActorTimes.AbortGrace + LaneActorTimes.AnswerPatience;
        var lanes = await Task.WhenAll(_owners.Select(owner => owner.Ask<LaneActor.Drained>(new LaneActor.Drain(grace), bound)));
        return lanes.Sum(lane => lane.Left) + _journal.Status.Backlog;
    }

    /// <summary>Refuses new work; what is pending goes on.</summary>
    public async Task CloseAsync()
    {
        await Intake.CloseAsync();
        if (_recovery is not null)
            await _recovery.StopAsync();
        await DeadLetters.StopAsync();
    }

    private Func<Lane, Props> Runner(ActorSystem system)
    {
        system.StartScheduler();
        _guarded = new GuardedAuthorizer(
            _authorizer, _settings.Authorization, system.Scheduler, _time, _observer.BreakerMoved, _observer.AuthorizerFailed);
        var parts = new PipelineParts(_guarded, _callbacks, Destinations, _journal, _observer, Resources, _throttle, _time);
        var share = LaneSettings.ShareOf(_settings);
        return lane => Props.Create(() => new LaneActor(lane, share, parts));
    }

    public void Dispose()
    {
        Destinations.Dispose();
        Resources.Dispose();
    }
}

/// <summary>Puts the pipeline into an actor system.</summary>
internal static class ChargingServiceHosting
{
    /// <summary>Starts <paramref name="service"/> with the actor system, alone.</summary>
    public static AkkaConfigurationBuilder WithChargingPipeline(this AkkaConfigurationBuilder akka, ChargingService service) =>
        akka.WithActors((system, _) => service.Start(system));
}
