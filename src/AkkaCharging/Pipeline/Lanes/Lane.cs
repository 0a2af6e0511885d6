using System.Collections.Concurrent;
using Akka.Streams;
using AkkaCharging.Requests;

namespace AkkaCharging.Pipeline.Lanes;

/// <summary>The state of a lane.</summary>
internal enum LaneState
{
    /// <summary>The graph of the lane runs.</summary>
    Running,

    /// <summary>The graph failed and will be restarted shortly.</summary>
    Restarting,

    /// <summary>
    /// The graph failed repeatedly. It is still restarted, but an operator should investigate. Ends when a run has
    /// lasted for 10 s.
    /// </summary>
    Failing,

    /// <summary>The lane was drained, or its drain was aborted.</summary>
    Stopped,
}

/// <summary>
/// The state shared by a lane's owner and the intake: its pending requests, and the run that they are offered to.
/// </summary>
/// <remarks>
/// A request is added before it is offered, and removed when it is settled. So a failed run loses none: the next run is
/// offered all that are pending.
/// </remarks>
internal sealed class Lane(int number, Admission admission)
{
    private readonly ConcurrentDictionary<RequestId, PendingRequest> _pending = new();
    private readonly PendingAges _ages = new();
    private volatile LaneRun? _run;
    private volatile bool _isGivenUp;
    private int _generation;
    private volatile int _state = (int)LaneState.Restarting;

    public int Number { get; } = number;

    public LaneState State
    {
        get => (LaneState)_state;
        set => _state = (int)value;
    }

    /// <summary>Number of times that a graph of this lane failed.</summary>
    public int Restarts { get; set; }

    /// <summary>When this process began to accept requests in this lane.</summary>
    public DateTimeOffset OpenedAt { get; init; } = DateTimeOffset.MaxValue;

    /// <summary>
    /// When the latest request was accepted that was found in the lane's backlog; null before. What is read again may
    /// have been settled by this lane since.
    /// </summary>
    public DateTimeOffset? ReadTo { get; set; }

    public ICollection<PendingRequest> Pending => _pending.Values;

    /// <summary>Age of the oldest pending request; zero if none is pending.</summary>
    public TimeSpan OldestAge => _ages.Oldest(SecondOf(admission.Time.GetTimestamp()));

    /// <summary>Checks whether the lane holds a request that is pending or was just settled.</summary>
    public bool Holds(RequestId id) => _pending.ContainsKey(id);

    /// <summary>
    /// Returns the number of the next run. Counted here, so that a restarted owner does not use a number again:
    /// requests are offered once to each.
    /// </summary>
    public int NextGeneration() => ++_generation;

    /// <returns>False when the lane already holds the request, or was given up.</returns>
    public bool TryAdd(PendingRequest pending)
    {
        _ages.Add(SecondOf(pending.Since)); // first, because an added request may be settled at any moment
        if (!_pending.TryAdd(pending.Request.Id, pending))
        {
            _ages.Remove(SecondOf(pending.Since));
            return false;
        }

        if (_isGivenUp && _pending.TryRemove(new(pending.Request.Id, pending)))
        {
            _ages.Remove(SecondOf(pending.Since));
            return false;
        }

        if (_run is { } run)
            Offer(pending, run);
        return true;
    }

    /// <summary>Removes a request that is settled or has moved to another node, and releases its place.</summary>
    /// <returns>False for an interrupted request, which stays, and for one that an earlier run had removed.</returns>
    public bool Complete(CallbackReceipt receipt)
    {
        if (
            (receipt.Settlement is null && receipt.Pending.Moved is null)
            || !_pending.TryRemove(receipt.Pending.Request.Id, out var pending)
        )
            return false;
        Leave(pending, receipt.Settlement?.LastAttempt?.Cause == AttemptCause.AddressRefused);
        return true;
    }

    /// <summary>
    /// Drops all pending requests and releases their places, because another node resumes them from the journal. From
    /// now on the lane takes none.
    /// </summary>
    public void GiveUp()
    {
        _isGivenUp = true;
        foreach (var id in _pending.Keys)
        {
            if (_pending.TryRemove(id, out var pending))
                Leave(pending);
        }
    }

    /// <summary>
    /// Makes <paramref name="run"/> the current run, and offers it all pending requests, oldest first.
    /// </summary>
    public void Switch(LaneRun run)
    {
        // Set before the pending requests are read: one added in between is offered by the caller that claims it first.
        _run = run;
        foreach (var pending in _pending.Values.OrderBy(pending => pending.Since).ToList())
            Offer(pending, run);
    }

    private long SecondOf(long timestamp) => timestamp / admission.Time.TimestampFrequency;

    private void Leave(PendingRequest pending, bool isRefused = false)
    {
        _ages.Remove(SecondOf(pending.Since));
        if (pending.IsRecovered)
            admission.LeaveRecovered(pending.Receiver, pending.IsRedriven);
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
            // The queue is large enough for all admitted and recovered requests, so it is never full for one of them,
            // and the task need not be awaited: it can only fail because the run ends meanwhile, which means the same
            // as the exception below.
            _ = run.Pipeline.Intake.OfferAsync(pending);
        }
        catch (StreamDetachedException)
        {
            // This run has ended. The request stays in the lane and is offered to the next run, or the journal keeps
            // it.
        }
    }
}

/// <summary>One run of a lane's graph.</summary>
/// <param name="Stopping">Ends waits and calls in progress.</param>
/// <param name="Leaving">Linked to the token of the process, which refers to it until it is disposed.</param>
internal sealed record LaneRun(
    int Generation,
    RunningPipeline Pipeline,
    CancellationTokenSource Stopping,
    CancellationTokenSource Leaving
)
{
    /// <summary>Ends what is still in progress; nothing of the run is needed any more.</summary>
    public void End()
    {
        Stopping.Cancel();
        Leaving.Dispose();
    }
}
