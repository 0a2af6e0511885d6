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

/// <summary>The status of the pipeline, for health and metrics.</summary>
/// <param name="Worst">The worst state of its lanes.</param>
/// <param name="Restarts">Number of times that a graph failed.</param>
/// <param name="Pending">Number of accepted, unsettled requests.</param>
internal sealed record PipelineStatus(LaneState Worst, int Restarts, long Pending, BreakerState Breaker);

/// <summary>The current load of the pipeline.</summary>
/// <param name="OldestAge">Age of the oldest request in the lanes; zero if there is none.</param>
/// <param name="Authorizations">Number of authorizer calls in progress.</param>
/// <param name="Callbacks">Number of callback attempts in progress.</param>
/// <param name="Receivers">Number of receivers by standing.</param>
/// <param name="Unopened">Number of connections that could not be opened since the start, by the resource that was
/// exhausted.</param>
internal sealed record PipelineLoad(
    TimeSpan OldestAge,
    int Authorizations,
    int Callbacks,
    ReceiverCounts Receivers,
    IReadOnlyDictionary<string, long> Unopened
);

/// <summary>The pipeline of this process: receivers, admission, intake and the lanes that it holds.</summary>
/// <remarks>
/// An <see cref="ILaneOwner"/> starts and stops the lanes: <see cref="StandaloneLanes"/>, or the cluster node.
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
        Lanes = settings.Cluster.Enabled
            ? LaneSet.OfNode()
            : LaneSet.Alone(settings.Queue.ConsumerThreads, Admission, time.GetUtcNow());
        Questions = new SynchronousQuestions(settings, () => _guarded, _throttle, observer, time);
        Intake = new Intake(settings.Request, Admission, journal, Lanes, time);
    }

    public Intake Intake { get; }

    /// <summary>Answers questions whose caller waits for the answer.</summary>
    public SynchronousQuestions Questions { get; }

    /// <summary>The receivers with pending requests.</summary>
    public ReceiverRegister Receivers { get; }

    /// <summary>Delays callbacks while this process lacks files, ports or memory for them.</summary>
    public ResourceGate Resources { get; }

    /// <summary>Counts pending requests, and admits or rejects new ones.</summary>
    public Admission Admission { get; }

    /// <summary>The lanes that this process holds.</summary>
    public LaneSet Lanes { get; }

    /// <summary>Counts the lanes taken and lost by this node.</summary>
    public LaneCounts Counts { get; } = new();

    /// <summary>The current status of the pipeline.</summary>
    public PipelineStatus Status =>
        new(
            Lanes.All.Select(lane => lane.State).DefaultIfEmpty(LaneState.Restarting).Max(),
            Lanes.Restarts,
            Admission.Pending + _journal.Status.Backlog,
            _guarded?.State ?? BreakerState.Closed
        );

    /// <summary>The current load of the pipeline.</summary>
    public PipelineLoad Load =>
        new(
            Lanes.All.Select(lane => lane.OldestAge).DefaultIfEmpty().Max(),
            _guarded?.InFlight ?? 0,
            Receivers.InFlight,
            Receivers.Counts,
            Resources.Status.Failures
        );

    /// <summary>The status of each authorization back end; empty before the lanes are started.</summary>
    public IEnumerable<PartnerStatus> Partners => _guarded?.Partners ?? [];

    /// <summary>The answers of each authorization back end; empty before the lanes are started.</summary>
    public IEnumerable<PartnerAnswers> PartnerAnswers => _guarded?.Answers ?? [];

    /// <summary>Sets the number of nodes that share the limits of the whole cluster.</summary>
    public void Divide(int nodes)
    {
        _throttle?.Divide(nodes);
        Receivers.Divide(nodes);
    }

    /// <summary>
    /// Leaves requests that wait for a retry, a paused receiver or an open breaker to the journal, so that a shutdown
    /// does not wait for them. With <c>journal.kind = memory</c> they would be lost, so they get the whole grace
    /// period.
    /// </summary>
    public void LeaveToJournal()
    {
        if (_settings.Journal.Kind == JournalKind.Memory)
            return;
        Receivers.Drain();
        _leaving.Cancel();
    }

    /// <summary>Creates the factory of lane owners in <paramref name="system"/>; called once.</summary>
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
