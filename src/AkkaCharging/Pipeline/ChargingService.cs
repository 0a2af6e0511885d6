using Akka.Actor;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.Callbacks;
using AkkaCharging.Journal;
using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Pipeline.Stages;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
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
/// <param name="Receivers">Receivers of each standing.</param>
/// <param name="Unopened">Connections that could not be opened, by what this process lacked, since the start.</param>
internal sealed record PipelineLoad(
    TimeSpan OldestAge,
    int Authorizations,
    int Callbacks,
    ReceiverCounts Receivers,
    IReadOnlyDictionary<string, long> Unopened
);

/// <summary>
/// The pipeline of this process: receivers, admission, intake and the lanes that are here at present.
/// </summary>
/// <remarks>
/// An <see cref="ILaneOwner"/> brings the lanes and stops them: <see cref="StandaloneLanes"/>, or the node of a
/// cluster.
/// </remarks>
internal sealed class ChargingService : IDisposable
{
    private readonly ChargingSettings _settings;
    private readonly AuthorizerChain _authorizers;
    private readonly ICallbackClient _callbacks;
    private readonly IRequestJournal _journal;
    private readonly IPipelineObserver _observer;
    private readonly TimeProvider _time;
    private readonly TokenBucket? _throttle;
    private readonly CancellationTokenSource _leaving = new();
    private GuardedChain? _guarded;

    public ChargingService(
        ChargingSettings settings,
        AuthorizerChain authorizers,
        ICallbackClient callbacks,
        IRequestJournal journal,
        IPipelineObserver observer,
        TimeProvider time,
        ILogger<ResourceGate>? logger = null
    )
    {
        (_settings, _authorizers, _callbacks, _journal, _observer, _time) = (
            settings,
            authorizers,
            callbacks,
            journal,
            observer,
            time
        );
        Resources = new ResourceGate(time, logger);
        Receivers = new ReceiverRegister(settings.Callback, settings.Queue, time, observer.ReceiverMoved);
        Admission = new Admission(settings.Queue.MaxSize, Receivers, time);
        _throttle = ThrottleStage.CreateBucket(settings.Authorization.Throttle, time);
        Lanes = settings.Cluster.Enabled ? LaneSet.OfNode() : LaneSet.Alone(settings.Queue.ConsumerThreads, Admission);
        Questions = new SynchronousQuestions(settings, () => _guarded, _throttle, observer, time);
        Intake = new Intake(settings.Request, Admission, journal, Lanes, time);
    }

    public Intake Intake { get; }

    /// <summary>Answers questions whose caller waits.</summary>
    public SynchronousQuestions Questions { get; }

    /// <summary>The receivers that requests are pending for.</summary>
    public ReceiverRegister Receivers { get; }

    /// <summary>Where callbacks wait that this process had no file, port or memory for.</summary>
    public ResourceGate Resources { get; }

    /// <summary>Counts what is pending, and lets requests in or not.</summary>
    public Admission Admission { get; }

    /// <summary>The lanes that are here at present.</summary>
    public LaneSet Lanes { get; }

    /// <summary>What happened to this node's lanes.</summary>
    public LaneCounts Counts { get; } = new();

    /// <summary>How the pipeline is at this moment.</summary>
    public PipelineStatus Status =>
        new(
            Lanes.All.Select(lane => lane.State).DefaultIfEmpty(LaneState.Restarting).Max(),
            Lanes.All.Sum(lane => lane.Restarts),
            Admission.Pending + _journal.Status.Backlog,
            _guarded?.State ?? BreakerState.Closed
        );

    /// <summary>What is under way at this moment.</summary>
    public PipelineLoad Load =>
        new(
            Lanes.All.Select(lane => lane.OldestAge).DefaultIfEmpty().Max(),
            _guarded?.InFlight ?? 0,
            Receivers.InFlight,
            Receivers.Counts,
            Resources.Status.Failures
        );

    /// <summary>How each back end of the authorization is; none before the lanes are started.</summary>
    public IEnumerable<PartnerStatus> Partners => _guarded?.Partners ?? [];

    /// <summary>What each back end of the authorization answered; nothing before the lanes are started.</summary>
    public IEnumerable<PartnerAnswers> PartnerAnswers => _guarded?.Answers ?? [];

    /// <summary>From here on so many nodes share the limits that are meant for the whole cluster.</summary>
    public void Divide(int nodes)
    {
        _throttle?.Divide(nodes);
        Receivers.Divide(nodes);
    }

    /// <summary>
    /// Leaves to the journal what waits for a retry, a paused receiver or an open breaker: a stop does not wait for it.
    /// With <c>journal.kind = memory</c> nothing would keep it, so that it has the whole grace.
    /// </summary>
    public void LeaveToJournal()
    {
        if (_settings.Journal.Kind == JournalKind.Memory)
            return;
        Receivers.Drain();
        _leaving.Cancel();
    }

    /// <summary>Makes the owners of lanes in <paramref name="system"/>; called once.</summary>
    public Func<Lane, Props> CreateRunner(ActorSystem system)
    {
        system.StartScheduler();
        _guarded = new GuardedChain(
            _authorizers,
            _settings.Authorization,
            system.Scheduler,
            _time,
            _observer.BreakerMoved,
            _observer.AuthorizerFailed
        );
        var parts = new PipelineParts(
            _guarded,
            _throttle,
            new(_callbacks, Receivers, _journal, _observer, Resources, _time)
        );
        var share = LaneSettings.ShareOf(_settings, _authorizers.Partners.Count());
        return lane => Props.Create(() => new LaneActor(lane, share, parts, _leaving.Token));
    }

    public void Dispose()
    {
        Receivers.Dispose();
        Resources.Dispose();
        _leaving.Dispose();
    }
}
