using Akka.Actor;
using Akka.Event;
using Akka.Streams;
using AkkaCharging.Pipeline.Stages;

namespace AkkaCharging.Pipeline.Lanes;

/// <summary>Owns one lane: runs its graph, restarts it after a failure, and drains it at shutdown.</summary>
internal sealed class LaneActor : ReceiveActor, IWithTimers
{
    // A run of this length was healthy: a later failure starts with the first back-off again.
    private static readonly TimeSpan HealthyRun = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan ProvenRun = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);
    private const int DeathsUntilFailing = 5;

    private readonly Lane _lane;
    private readonly LaneSettings _settings;
    private readonly PipelineParts _parts;
    private readonly CancellationToken _leaving;
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private LaneRun? _run;
    private long _ranAt;
    private int _deathsInARow;
    private bool _isBetweenRuns;
    private (IActorRef Asker, bool IsAborted)? _draining;

    /// <param name="leaving">Cancelled when requests that wait for a retry are to be left to the journal.</param>
    public LaneActor(Lane lane, LaneSettings settings, PipelineParts parts, CancellationToken leaving)
    {
        (_lane, _settings, _parts, _leaving) = (lane, settings, parts, leaving);
        Receive<Run>(_ => RunGraph());
        Receive<RunEnded>(ended => ended.Generation == _run!.Generation, ended => OnEnded(ended.Cause));
        Receive<RunProven>(
            proven => proven.Generation == _run!.Generation && _lane.State == LaneState.Failing && !_isBetweenRuns,
            _ => _lane.State = LaneState.Running
        );
        Receive<Drain>(OnDrain);
        Receive<Abort>(_ => OnAbort());
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart() => RunGraph();

    protected override void PostStop()
    {
        _run?.End();
        _run?.Pipeline.Intake.Complete();
    }

    private void RunGraph()
    {
        var stopping = new CancellationTokenSource();
        var materializer = Context.System.Materializer();
        var leaving = CancellationTokenSource.CreateLinkedTokenSource(stopping.Token, _leaving);
        var tokens = new LaneTokens(stopping.Token, leaving.Token);
        var pipeline = ChargingPipeline.Create(_settings, _parts, Complete, materializer, tokens).Run(materializer);
        var generation = _lane.NextGeneration();
        _run = new LaneRun(generation, pipeline, stopping, leaving);
        _ranAt = _parts.Time.GetTimestamp();

        _ = pipeline.Drained.PipeTo(
            Self,
            success: _ => new RunEnded(generation, Cause: null),
            failure: cause => new RunEnded(generation, cause)
        );
        _lane.Switch(_run);
        _isBetweenRuns = false;

        // A failing lane is reported as running only after a while, because its state would otherwise flap with each
        // run.
        if (_lane.State == LaneState.Failing)
            Timers.StartSingleTimer("proven", new RunProven(generation), ProvenRun);
        else
            _lane.State = LaneState.Running;
        if (_draining is not null)
            pipeline.Intake.Complete();
    }

    private void Complete(CallbackReceipt receipt)
    {
        if (!_lane.Complete(receipt))
            return;
        if (receipt.Settlement is { } settlement)
            _parts.Observer.Settled(
                receipt.Pending.Request,
                settlement,
                receipt.Pending.Age(_parts.Time),
                receipt.Pending.IsRedriven
            );
        else if (receipt.Pending.Moved is { IsGone: true } gone)
            _log.Warning("Lane {Lane} gave a request up: {Reason}", _lane.Number, gone.Message);
        else
            _log.Info("Lane {Lane} gave a request up: {Reason}", _lane.Number, receipt.Pending.Moved?.Message);
    }

    private void OnEnded(Exception? cause)
    {
        if (_lane.State == LaneState.Stopped)
            return;
        _run!.End();
        if (_draining is { } draining && (cause is null || draining.IsAborted))
        {
            Stop(draining.Asker);
            return;
        }

        _deathsInARow = _parts.Time.GetElapsedTime(_ranAt) >= HealthyRun ? 1 : _deathsInARow + 1;
        _lane.Restarts++;
        _isBetweenRuns = true;
        _lane.State = _deathsInARow >= DeathsUntilFailing ? LaneState.Failing : LaneState.Restarting;
        var wait = FirstWait * Math.Pow(2, Math.Min(_deathsInARow - 1, 10));
        var reason = cause ?? new InvalidOperationException("The graph completed without being drained.");
        _log.Error(
            reason,
            "The graph of lane {Lane} failed; its next run continues {Pending} pending requests",
            _lane.Number,
            _lane.Pending.Count
        );
        Timers.StartSingleTimer("run", Run.Instance, wait < LongestWait ? wait : LongestWait);
    }

    private void OnDrain(Drain drain)
    {
        _draining = (Sender, IsAborted: false);
        Timers.StartSingleTimer("abort", Abort.Instance, drain.Grace);
        if (_isBetweenRuns)
        {
            Timers.Cancel("run");
            RunGraph();
        }
        else
        {
            _run!.Pipeline.Intake.Complete();
        }
    }

    // The token ends waits and calls in progress; requests then reach the sink unsettled. The second time-out is for
    // calls that ignore the token.
    private void OnAbort()
    {
        if (_draining is not { } draining || _lane.State == LaneState.Stopped)
            return;
        if (draining.IsAborted || _isBetweenRuns)
        {
            Stop(draining.Asker);
            return;
        }

        _draining = (draining.Asker, IsAborted: true);
        _run!.Stopping.Cancel();
        Timers.StartSingleTimer("abort", Abort.Instance, LaneActorTimes.AbortGrace);
    }

    private void Stop(IActorRef asker)
    {
        Timers.CancelAll();
        _lane.State = LaneState.Stopped;
        asker.Tell(new Drained(_lane.Pending.Count));
    }

    /// <summary>
    /// Closes the lane and gives pending requests <paramref name="Grace"/> to finish; answered by
    /// <see cref="Drained"/>.
    /// </summary>
    public sealed record Drain(TimeSpan Grace);

    /// <summary>Reports that the lane has stopped.</summary>
    /// <param name="Left">Number of unsettled requests.</param>
    public sealed record Drained(int Left);

    private sealed record Run
    {
        public static readonly Run Instance = new();
    }

    private sealed record Abort
    {
        public static readonly Abort Instance = new();
    }

    private sealed record RunProven(int Generation);

    private sealed record RunEnded(int Generation, Exception? Cause);
}

/// <summary>Times of a lane that other classes depend on.</summary>
internal static class LaneActorTimes
{
    /// <summary>Time for cancelled calls to return after the grace period.</summary>
    public static readonly TimeSpan AbortGrace = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Additional time for the answer to a drain, so that a machine short of processor time does not turn it into an
    /// error.
    /// </summary>
    public static readonly TimeSpan AnswerPatience = TimeSpan.FromSeconds(10);
}
