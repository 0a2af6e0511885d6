using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;

namespace AkkaCharging.DeadLetters;

/// <summary>The operators' actions on failed requests: list them, redrive one or many, discard one.</summary>
/// <remarks>
/// A redriven request enters a lane like a recovered one: alongside new work, and without counting against the
/// admission of new requests. It keeps its id (and with it its <c>webhook-id</c>) and its decision; it is signed with
/// the current keys. Errors: <see cref="JournalUnavailableException"/> when the journal is unavailable; nothing was
/// changed then.
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

    /// <summary>Time between two checks whether a request has left its lane.</summary>
    private static readonly TimeSpan LaneRetry = TimeSpan.FromMilliseconds(10);

    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile BulkRedrive? _bulk;
    private int _redriving;

    /// <summary>The progress of the latest bulk redrive; null before the first.</summary>
    public BulkProgress? Bulk => _bulk?.Progress;

    /// <summary>Lists the next dead letters that match, newest first.</summary>
    /// <param name="after">The end of the previous page; null for the first page.</param>
    /// <param name="most">Maximum number of letters, from 1 to <see cref="DeadLetterPage.LettersMax"/>.</param>
    public ValueTask<DeadLetterPage> ListAsync(
        DeadLetterQuery query,
        DeadLetterCursor? after,
        int most,
        CancellationToken cancellationToken
    ) => store.ListDeadLettersAsync(query, after, Math.Clamp(most, 1, DeadLetterPage.LettersMax), cancellationToken);

    /// <summary>Redrives one dead letter.</summary>
    /// <returns>
    /// <see cref="RedriveOutcome.Busy"/> when there was no room within 5 s, when the request is just leaving the
    /// pipeline, and when the service is stopping.
    /// </returns>
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
    /// Starts to redrive all letters that match, at most <c>callback.redrivesPerSecond</c> per second;
    /// <see cref="Bulk"/> shows the progress.
    /// </summary>
    /// <param name="confirmed">The number of letters that are meant to match; null for any.</param>
    public async Task<BulkStart> RedriveAllAsync(
        DeadLetterQuery query,
        long? confirmed,
        CancellationToken cancellationToken
    )
    {
        var past = Past(query);
        var matched = await store.CountDeadLettersAsync(past, cancellationToken);
        if (matched != (confirmed ?? matched))
            return new(BulkOutcome.NotConfirmed, matched);
        lock (_gate)
        {
            if (_stopping.IsCancellationRequested || _bulk is { Progress.IsRunning: true })
                return new(BulkOutcome.Busy, matched);
            _bulk = new(
                store,
                past,
                matched,
                redrivesPerSecond,
                (letter, cancelled) => RedriveWithRoomAsync(letter.Id, cancelled),
                time
            );
            return new(BulkOutcome.Started, matched, _bulk.Progress);
        }
    }

    /// <summary>Tells what <see cref="RedriveAllAsync"/> would redrive.</summary>
    public Task<RedrivePreview> PreviewAsync(DeadLetterQuery query, CancellationToken cancellationToken)
    {
        var past = Past(query);
        // Operators send whole milliseconds back: with a part of one, the redrive could match less than was counted.
        var to = DateTimeOffset.FromUnixTimeMilliseconds(past.To!.Value.ToUnixTimeMilliseconds());
        return RedrivePreview.OfAsync(store, past with { To = to }, time.GetUtcNow(), cancellationToken);
    }

    /// <summary>Cancels the bulk redrive; letters redriven so far are delivered as usual.</summary>
    /// <returns>False when none is running.</returns>
    public bool CancelBulk()
    {
        if (_bulk is not { Progress.IsRunning: true } bulk)
            return false;
        bulk.Cancel();
        return true;
    }

    /// <summary>Discards one dead letter, whose secrets are erased at once.</summary>
    public ValueTask<DiscardOutcome> DiscardAsync(RequestId id, CancellationToken cancellationToken) =>
        store.DiscardAsync(id, cancellationToken);

    /// <summary>Stops redriving; completes when a redrive in progress has entered its lane.</summary>
    public async Task StopAsync()
    {
        lock (_gate)
        {
            _stopping.Cancel();
            _bulk?.Cancel();
        }

        await (_bulk?.Ended ?? Task.CompletedTask);
        // Otherwise the count could be read before the flag is seen, and a redrive and this call miss each other.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _redriving) == 0)
            _stopped.TrySetResult();
        await _stopped.Task;
    }

    /// <summary>The same query without letters that fail from now on.</summary>
    private DeadLetterQuery Past(DeadLetterQuery query)
    {
        var now = time.GetUtcNow();
        return query with { To = query.To < now ? query.To : now };
    }

    /// <param name="patience">Ends the wait for room. It does not end a write to the journal that has begun, because
    /// only its result tells whether the request has to be resumed.</param>
    private async Task<RedriveOutcome> RedriveWithRoomAsync(RequestId id, CancellationToken patience)
    {
        Interlocked.Increment(ref _redriving);
        try
        {
            await admission.EnterRedrivenAsync(patience);
            Receiver? receiver = null;
            var isTakenUp = false;
            try
            {
                var (outcome, request, lane) = lanes.All.Any(lane => lane.Holds(id))
                    // The journal may have settled the request before its lane learned of it; the lane would then
                    // repeat the write and settle the redriven request.
                    ? new RedriveResult(RedriveOutcome.Busy)
                    : await store.RedriveAsync(id, time.GetUtcNow(), CancellationToken.None);
                if (request is not null)
                {
                    receiver = admission.JoinRedriven(request.Request.Callback.Destination);
                    isTakenUp = await TakeUpAsync(PendingRequest.FromJournal(request, receiver, time), lane);
                }

                return outcome;
            }
            finally
            {
                if (!isTakenUp)
                    admission.LeaveRecovered(receiver, isRedriven: true);
            }
        }
        finally
        {
            if (Interlocked.Decrement(ref _redriving) == 0 && _stopping.IsCancellationRequested)
                _stopped.TrySetResult();
        }
    }

    /// <returns>
    /// False when the service is stopping, or the lane moved to another node: its holder resumes the request from the
    /// journal.
    /// </returns>
    private async Task<bool> TakeUpAsync(PendingRequest pending, int number)
    {
        try
        {
            while (lanes.Of(pending.Request.Id, number) is { } lane)
            {
                if (lane.TryAdd(pending))
                    return true; // false as well for a lane that is given up, which is no longer among them then
                await Task.Delay(LaneRetry, time, _stopping.Token); // the failed request is still leaving
            }

            return false;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
