using Akka.Actor;
using Akka.Hosting;
using AkkaCharging.Authorization;
using AkkaCharging.Callbacks;
using AkkaCharging.Journal;
using AkkaCharging.Settings;

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
internal sealed record PipelineLoad(TimeSpan OldestAge, int Authorizations, int Callbacks);

/// <summary>The lanes and their intake, from start to drained.</summary>
internal sealed class ChargingService : IDisposable
{
    private readonly ChargingSettings _settings;
    private readonly IAuthorizer _authorizer;
    private readonly ICallbackClient _callbacks;
    private readonly IRequestJournal _journal;
    private readonly IPipelineObserver _observer;
    private readonly TimeProvider _time;
    private readonly Admission _admission;
    private readonly List<Lane> _lanes;
    private readonly List<IActorRef> _owners = [];
    private readonly Recovery _recovery;
    private GuardedAuthorizer? _guarded;

    public ChargingService(
        ChargingSettings settings, IAuthorizer authorizer, ICallbackClient callbacks, IRequestJournal journal, IPipelineObserver observer, TimeProvider time)
    {
        (_settings, _authorizer, _callbacks, _journal, _observer, _time) = (settings, authorizer, callbacks, journal, observer, time);
        Destinations = new Destinations(settings.Callback, settings.Queue, time);
        _admission = new Admission(settings.Queue.MaxSize, Destinations, time);
        _lanes = [.. Enumerable.Range(0, settings.Queue.ConsumerThreads).Select(number => new Lane(number, _admission))];
        _recovery = new Recovery(journal, _admission, _lanes, time);
        DeadLetters = new DeadLetters(settings.Callback.RedrivesPerSecond, _admission, journal, _lanes, time);
        Intake = new Intake(settings.Request, _admission, journal, _lanes, time);
    }

    public Intake Intake { get; }

    /// <summary>The receivers that requests are pending for.</summary>
    public Destinations Destinations { get; }

    public DeadLetters DeadLetters { get; }

    public PipelineStatus Status => new(
        _lanes.Max(lane => lane.State), _lanes.Sum(lane => lane.Restarts), _admission.Pending + _journal.Status.Backlog, _guarded?.State ?? BreakerState.Closed);

    public PipelineLoad Load => new(_lanes.Max(lane => lane.Ages.Oldest(_time.GetUtcNow())), _guarded?.InFlight ?? 0, Destinations.InFlight);

    /// <summary>Starts an owner for each lane, and beside new work the recovery of what an earlier process left.</summary>
    public void Start(ActorSystem system)
    {
        system.StartScheduler();
        _guarded = new GuardedAuthorizer(
            _authorizer, _settings.Authorization, system.Scheduler, _time, _observer.BreakerMoved, _observer.AuthorizerFailed);
        var throttle = ThrottleStage.CreateBucket(_settings.Authorization.Throttle, _time);
        var parts = new PipelineParts(_guarded, _callbacks, Destinations, _journal, _observer, throttle, _time);
        var share = LaneSettings.ShareOf(_settings);
        foreach (var lane in _lanes)
            _owners.Add(system.ActorOf(Props.Create(() => new LaneActor(lane, share, parts)), $"lane-{lane.Number}"));
        _recovery.Start();
    }

    /// <summary>Refuses new work, finishes what is pending within <paramref name="grace"/>.</summary>
    /// <returns>How many requests are left, with the journal alone: those that the lanes gave up and those that they had not taken up yet.</returns>
    public async Task<long> DrainAsync(TimeSpan grace)
    {
        await Intake.CloseAsync();
        await _recovery.StopAsync();
        await DeadLetters.StopAsync();
        var bound = grace + LaneActorTimes.AbortGrace + LaneActorTimes.AnswerPatience;
        var lanes = await Task.WhenAll(_owners.Select(owner => owner.Ask<LaneActor.Drained>(new LaneActor.Drain(grace), bound)));
        return lanes.Sum(lane => lane.Left) + _journal.Status.Backlog;
    }

    public void Dispose() => Destinations.Dispose();
}

/// <summary>Puts the pipeline into an actor system.</summary>
internal static class ChargingServiceHosting
{
    /// <summary>Starts <paramref name="service"/> with the actor system.</summary>
    public static AkkaConfigurationBuilder WithChargingPipeline(this AkkaConfigurationBuilder akka, ChargingService service) =>
        akka.WithActors((system, _) => service.Start(system));
}
