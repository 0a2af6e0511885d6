using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;

namespace AkkaCharging.DeadLetters;

/// <summary>What operators do about requests that failed: look at them, send one or many again, give one up.</summary>
/// <remarks>
/// A redriven request goes the way of a recovered one: into a lane, beside new work, without counting against its
/// admission. It has the same id, so the same <c>webhook-id</c>; its decision stands, and what is signed is signed with
/// the keys of today. Errors: <see cref="JournalUnavailableException"/> when the journal is away; nothing was changed
/// then.
/// </remarks>
internal sealed class DeadLetterOperations(
    int redrivesPerSecond,
    Admission admission,
    IDeadLetterStore store,
    LaneSet lanes,
    TimeProvider time
)
{
    /// <summary>How long one redrive waits for room.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Between two looks whether a request has left its lane.</summary>
    private static readonly TimeSpan LaneRetry = TimeSpan.FromMilliseconds(10);

    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile BulkRedrive? _bulk;
    private int _redriving;

    /// <summary>How the last redrive of many stands; null before the first.</summary>
    public BulkProgress? Bulk => _bulk?.Progress;

    /// <summary>The next dead letters that match, newest first.</summary>
    /// <param name="after">Where the page before ended; null for the first page.</param>
    /// <param name="most">1 to <see cref="DeadLetterPage.LettersMax"/>.</param>
    public ValueTask<DeadLetterPage> ListAsync(
        DeadLetterQuery query,
        DeadLetterCursor? after,
        int most,
        CancellationToken cancellationToken
    ) => store.ListDeadLettersAsync(query, after, Math.Clamp(most, 1, DeadLetterPage.LettersMax), cancellationToken);

    /// <summary>Sends one again.</summary>
    /// <returns><see cref="RedriveOutcome.Busy"/> when there was no room within 5 s, when it is just leaving the
    /// pipeline, and when the service is stopping.</returns>
    public async Task<RedriveOutcome> RedriveAsync(RequestId id, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(
            patience.Token,
            _stopping.Token,
            cancellationToken
        );
        try
        {
            return await RedriveWithRoomAsync(id, either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return RedriveOutcome.Busy;
        }
    }

    /// <summary>
    /// Begins to send all that match again, at most <c>callback.redrivesPerSecond</c> a second; <see cref="Bulk"/> says
    /// how far it is.
    /// </summary>
    /// <returns>Null when another one is running, or the service is stopping: one at a time.</returns>
    public async Task<BulkProgress?> RedriveAllAsync(DeadLetterQuery query, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var past = query with { To = query.To < now ? query.To : now };
        var matched = await store.CountDeadLettersAsync(past, cancellationToken);
        lock (_gate)
        {
            if (_stopping.IsCancellationRequested || _bulk is { Progress.IsRunning: true })
                return null;
            _bulk = new(
                store,
                past,
                matched,
                redrivesPerSecond,
                (letter, cancelled) => RedriveWithRoomAsync(letter.Id, cancelled),
                time
            );
            return _bulk.Progress;
        }
    }

    /// <summary>Ends the redrive of many; what was redriven goes on.</summary>
    /// <returns>False when none is running.</returns>
    public bool CancelBulk()
    {
        if (_bulk is not { Progress.IsRunning: true } bulk)
            return false;
        bulk.Cancel();
        return true;
    }

    /// <summary>Gives one up: what is secret about it is erased at once.</summary>
    public ValueTask<DiscardOutcome> DiscardAsync(RequestId id, CancellationToken cancellationToken) =>
        store.DiscardAsync(id, cancellationToken);

    /// <summary>Redrives no more; completes when what was being redriven is in its lane.</summary>
    public async Task StopAsync()
    {
        lock (_gate)
        {
            _stopping.Cancel();
            _bulk?.Cancel();
        }

        await (_bulk?.Ended ?? Task.CompletedTask);
        // else the count could be read before the flag is seen, and a redrive and this miss each other
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _redriving) == 0)
            _stopped.TrySetResult();
        await _stopped.Task;
    }

    /// <param name="patience">Ends the wait for room. Once the journal was asked nothing does: only its answer tells
    /// whether the request is to be taken up.</param>
    private async Task<RedriveOutcome> RedriveWithRoomAsync(RequestId id, CancellationToken patience)
    {
        Interlocked.Increment(ref _redriving);
        try
        {
            await admission.EnterRecoveredAsync(patience);
            Receiver? receiver = null;
            var isTakenUp = false;
            try
            {
                var (outcome, request, lane) = lanes.All.Any(lane => lane.Holds(id))
                    // it may have failed, and not know yet that the journal has it: it would settle the redriven one
                    ? new RedriveResult(RedriveOutcome.Busy)
                    : await store.RedriveAsync(id, time.GetUtcNow(), CancellationToken.None);
                if (request is not null)
                {
                    receiver = admission.JoinRecovered(request.Request.Callback.Destination);
                    isTakenUp = await TakeUpAsync(PendingRequest.FromJournal(request, receiver, time), lane);
                }

                return outcome;
            }
            finally
            {
                if (!isTakenUp)
                    admission.LeaveRecovered(receiver);
            }
        }
        finally
        {
            if (Interlocked.Decrement(ref _redriving) == 0 && _stopping.IsCancellationRequested)
                _stopped.TrySetResult();
        }
    }

    /// <returns>False when the service is stopping, or its lane went to another node: the journal has it for whoever
    /// takes it up.</returns>
    private async Task<bool> TakeUpAsync(PendingRequest pending, int number)
    {
        try
        {
            while (lanes.Of(pending.Request.Id, number) is { } lane)
            {
                if (lane.TryAdd(pending))
                    return true;
                await Task.Delay(LaneRetry, time, _stopping.Token); // it failed a moment ago, and has still to leave
            }

            return false;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
