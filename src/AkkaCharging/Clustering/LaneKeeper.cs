using Akka.Actor;
using Akka.Event;
using AkkaCharging.Journal;
using AkkaCharging.Pipeline.Lanes;

namespace AkkaCharging.Clustering;

/// <summary>
/// Keeps one lane of the cluster on this node while sharding places it here: takes it, runs it, resumes what earlier
/// holders left, and hands it over.
/// </summary>
/// <remarks>
/// Sharding decides where a lane should run; only the journal decides who holds it. When another node takes the lane,
/// it is released at once and not requested again until a partition would be resolved: until then this node may be the
/// one that was cut off.
/// </remarks>
internal sealed class LaneKeeper : ReceiveActor, IWithTimers
{
    /// <summary>
    /// Time that the work of a lane gets to finish on a hand-over: less than the permitted delay of a callback.
    /// </summary>
    private static readonly TimeSpan HandOverGrace = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan TakeRetry = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan ReleasePatience = TimeSpan.FromSeconds(2);

    private readonly int _number;
    private readonly LaneParts _node;
    private readonly TimeSpan _retakeAfter;
    private readonly EventHandler<LaneEventArgs> _onLost;
    private readonly EventHandler<LaneEventArgs> _onBehind;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private Held? _held;
    private Lane? _leaving; // let go, and not yet given up

    public LaneKeeper(int number, LaneParts node, TimeSpan retakeAfter)
    {
        (_number, _node, _retakeAfter) = (number, node, retakeAfter);
        var self = Self;
        _onLost = (_, lost) =>
        {
            if (lost.Lane == number)
                self.Tell(Lost.Instance);
        };
        _onBehind = (_, behind) =>
        {
            if (behind.Lane == number)
                self.Tell(Behind.Instance);
        };
        ReceiveAsync<Take>(_ => TakeAsync());
        ReceiveAsync<Lost>(_ => LetGoOfLostAsync());
        ReceiveAsync<Behind>(_ => ResumeAgainAsync());
        ReceiveAsync<HandOver>(_ => HandOverAsync());
    }

    public ITimerScheduler Timers { get; set; } = null!;

    protected override void PreStart()
    {
        _node.Journal.LaneLost += _onLost;
        _node.Journal.LaneBehind += _onBehind;
        Self.Tell(Take.Instance);
    }

    protected override void PostStop()
    {
        _node.Journal.LaneLost -= _onLost;
        _node.Journal.LaneBehind -= _onBehind;
        _stopping.Cancel();
        if (_held is { } held)
        {
            _node.Journal.SetOpen(_number, isOpen: false);
            _node.Lanes.Remove(held.Lane);
            _ = held.Recovery.StopAsync();
            held.Lane.GiveUp();
        }

        _leaving?.GiveUp();
        _stopping.Dispose();
    }

    private async Task TakeAsync()
    {
        if (_held is not null)
            return;
        try
        {
            await _node.Journal.TakeLaneAsync(_number, _stopping.Token);
        }
        catch (JournalUnavailableException)
        {
            Timers.StartSingleTimer("take", Take.Instance, TakeRetry);
            return;
        }

        var lane = new Lane(_number, _node.Admission) { OpenedAt = _node.Time.GetUtcNow() };
        _node.Lanes.Add(lane);
        var runner = Context.ActorOf(_node.Runner(lane));
        _held = new(lane, runner, StartRecovery(lane));
        _node.Journal.SetOpen(_number, isOpen: true);
        _node.Counts.CountTaken();
        _log.Info("Took lane {Lane}", _number);
    }

    /// <summary>Reads the lane's requests again; those that it has are skipped.</summary>
    private async Task ResumeAgainAsync()
    {
        if (_held is not { } held)
            return; // the next holder reads them
        await held.Recovery.StopAsync();
        _held = held with { Recovery = StartRecovery(held.Lane) };
    }

    private Recovery StartRecovery(Lane lane)
    {
        var recovery = new Recovery(
            _node.Journal,
            cancelled => _node.Journal.ReadUnsettledAsync(_number, cancelled),
            _ => lane,
            goesOn: false,
            _node.Admission,
            _node.Time
        );
        recovery.Start(_log);
        return recovery;
    }

    private async Task LetGoOfLostAsync()
    {
        if (_held is null)
            return;
        _log.Warning("Lane {Lane} was taken by another node", _number);
        _node.Counts.CountLost();
        await LetGoAsync(TimeSpan.Zero);
        Timers.StartSingleTimer("take", Take.Instance, _retakeAfter);
    }

    private async Task HandOverAsync()
    {
        Timers.CancelAll();
        if (_held is not null)
        {
            _node.Journal.SetOpen(_number, isOpen: false);
            await LetGoAsync(HandOverGrace);
            try
            {
                await _node.Journal.ReleaseLaneAsync(_number, _stopping.Token).WaitAsync(ReleasePatience, _node.Time);
            }
            catch (Exception e) when (e is JournalUnavailableException or TimeoutException)
            {
                // The next holder takes the lane from this node.
            }

            _log.Info("Handed over lane {Lane}", _number);
        }

        Context.Stop(Self);
    }

    private async Task LetGoAsync(TimeSpan grace)
    {
        var (lane, runner, recovery) = _held!;
        (_held, _leaving) = (null, lane);
        _node.Lanes.Remove(lane);
        await recovery.StopAsync();
        try
        {
            await runner.Ask<LaneActor.Drained>(
                new LaneActor.Drain(grace),
                grace + LaneActorTimes.AbortGrace + LaneActorTimes.AnswerPatience
            );
        }
        catch (AskTimeoutException)
        {
            // The next holder reads the remaining requests from the journal.
        }

        Context.Stop(runner);
        lane.GiveUp();
        _leaving = null;
    }

    /// <summary>Hands the lane to another node, after the work that can finish at once.</summary>
    public sealed record HandOver
    {
        public static readonly HandOver Instance = new();
    }

    private sealed record Take
    {
        public static readonly Take Instance = new();
    }

    private sealed record Lost
    {
        public static readonly Lost Instance = new();
    }

    private sealed record Behind
    {
        public static readonly Behind Instance = new();
    }

    private sealed record Held(Lane Lane, IActorRef Runner, Recovery Recovery);
}
