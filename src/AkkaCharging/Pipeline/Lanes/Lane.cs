using System.Collections.Concurrent;
using Akka.Streams;
using AkkaCharging.Requests;

namespace AkkaCharging.Pipeline.Lanes;

/// <summary>How a lane is.</summary>
internal enum LaneState
{
    /// <summary>Its graph runs.</summary>
    Running,

    /// <summary>Its graph died and will be run again shortly.</summary>
    Restarting,

    /// <summary>
    /// Its graph dies again and again: it is still restarted, but somebody has to look. Until a run has lasted for 10
    /// s.
    /// </summary>
    Failing,

    /// <summary>It was drained, or gave up draining.</summary>
    Stopped,
}

/// <summary>
/// What a lane's owner and the intake share: its pending requests and the run that they are offered to.
/// </summary>
/// <remarks>
/// A request is added before it is offered, and leaves when it is settled. So a run that dies takes none with it: the
/// next one is offered all that are here.
/// </remarks>
internal sealed class Lane(int number, Admission admission)
{
    private readonly ConcurrentDictionary<RequestId, PendingRequest> _pending = new();
    private readonly PendingAges _ages = new();
    private volatile LaneRun? _run;
    private int _generation;
    private volatile int _state = (int)LaneState.Restarting;

    public int Number { get; } = number;

    public LaneState State
    {
        get => (LaneState)_state;
        set => _state = (int)value;
    }

    /// <summary>How often a graph of this lane died.</summary>
    public int Restarts { get; set; }

    public ICollection<PendingRequest> Pending => _pending.Values;

    /// <summary>Of the pending requests; zero without any.</summary>
    public TimeSpan OldestAge => _ages.Oldest(SecondOf(admission.Time.GetTimestamp()));

    /// <summary>Whether a request is here: pending, or just settled.</summary>
    public bool Holds(RequestId id) => _pending.ContainsKey(id);

    /// <summary>
    /// The number of the next run. Counted here, so that an owner that was itself restarted does not use one again:
    /// requests are offered once to each.
    /// </summary>
    public int NextGeneration() => ++_generation;

    /// <returns>False if it is here already.</returns>
    public bool TryAdd(PendingRequest pending)
    {
        _ages.Add(SecondOf(pending.Since)); // first: once it is here it may be settled at any moment
        if (!_pending.TryAdd(pending.Request.Id, pending))
        {
            _ages.Remove(SecondOf(pending.Since));
            return false;
        }

        if (_run is { } run)
            Offer(pending, run);
        return true;
    }

    /// <summary>Takes a settled request out and gives its place back.</summary>
    /// <returns>False for one that was interrupted, which stays, and for one that an earlier run had settled.</returns>
    public bool Complete(CallbackReceipt receipt)
    {
        if (receipt.Settlement is null || !_pending.TryRemove(receipt.Pending.Request.Id, out var pending))
            return false;
        Leave(pending, receipt.Settlement.LastAttempt?.Cause == AttemptCause.AddressRefused);
        return true;
    }

    /// <summary>
    /// Lets go of all that is pending, with the places that it holds: it is another node's now, which has it from the
    /// journal.
    /// </summary>
    public void GiveUp()
    {
        foreach (var id in _pending.Keys)
        {
            if (_pending.TryRemove(id, out var pending))
                Leave(pending);
        }
    }

    /// <summary>
    /// Makes <paramref name="run"/> the one that requests are offered to, and offers it all that are pending, oldest
    /// first.
    /// </summary>
    public void Switch(LaneRun run)
    {
        // Set before the pending ones are read: one that is added meanwhile is offered by whoever claims it first.
        _run = run;
        foreach (var pending in _pending.Values.OrderBy(pending => pending.Since).ToList())
            Offer(pending, run);
    }

    private long SecondOf(long timestamp) => timestamp / admission.Time.TimestampFrequency;

    private void Leave(PendingRequest pending, bool isRefused = false)
    {
        _ages.Remove(SecondOf(pending.Since));
        if (pending.IsRecovered)
            admission.LeaveRecovered(pending.Receiver);
        else if (isRefused)
            admission.LeaveAfterRetries(pending);
        else
            admission.Leave(pending.Receiver);
    }

    private static void Offer(PendingRequest pending, LaneRun run)
    {
        if (!pending.TryClaim(run.Generation))
            return;
        try
        {
            // The queue holds as many as admission lets in and recovery brings, so it is never full for one of them:
            // its answer is not waited for, nor the failure of a run that ends meanwhile, which means the same as the
            // exception below.
            _ = run.Pipeline.Intake.OfferAsync(pending);
        }
        catch (StreamDetachedException)
        {
            // This run is over. The request stays in the lane: the next run is offered it, or the journal keeps it.
        }
    }
}

/// <summary>One run of a lane's graph.</summary>
internal sealed record LaneRun(int Generation, RunningPipeline Pipeline, CancellationTokenSource Stopping);
