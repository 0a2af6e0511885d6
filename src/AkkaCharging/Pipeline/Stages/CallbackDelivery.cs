using Akka.Streams;
using Akka.Streams.Dsl;
using AkkaCharging.Callbacks;
using AkkaCharging.Journal;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Pipeline.Stages;

/// <summary>
/// The attempts of one delivery: the first, and the retries through a <see cref="RestartFlow"/> of its own.
/// </summary>
/// <remarks>
/// Waits before the retries: <c>retryDelayMillis</c>, doubled each time, times 1 + a random share of up to
/// <c>jitter</c>, capped at <c>maxRetryDelayMillis</c>; longer where the receiver asked for it by Retry-After, up to
/// the same cap.
/// </remarks>
internal sealed class CallbackDelivery(
    CallbackSettings settings,
    ICallbackClient client,
    IRequestJournal journal,
    IPipelineObserver observer,
    ResourceGate resources,
    IMaterializer materializer,
    TimeProvider time,
    CancellationToken stopping
)
{
    // RestartFlow forgets its count when this time passes without a restart. It must never: the overload without it
    // falls back to the first wait, and an attempt that takes longer than that would then be retried for ever. It looks
    // at the wall clock, so that this is longer than any step that is a mistake.
    private static readonly TimeSpan NeverForget = TimeSpan.FromDays(36_500);

    /// <summary>
    /// Whether <paramref name="pending"/> failed before its lane was restarted: it passes straight on to its retries.
    /// </summary>
    public bool GoesOnWithRetries(PendingRequest pending) =>
        pending.AttemptsMade > 0 && pending.AttemptsMade <= settings.MaxRetries;

    /// <summary>Makes the first attempt.</summary>
    public async Task<Delivery> FirstAttemptAsync(Turn turn) =>
        new(turn.Pending, GoesOnWithRetries(turn.Pending) ? null : await AttemptAsync(turn));

    /// <summary>Retries a failed delivery until it is settled, or the lane stops.</summary>
    public async Task<CallbackReceipt> RetryAsync(Turn place)
    {
        try
        {
            return await RetryAsync(place.Pending);
        }
        finally
        {
            if (place.HoldsSlot)
                place.Pending.Destination.EndRetry();
        }
    }

    private async Task<CallbackReceipt> RetryAsync(PendingRequest failed)
    {
        var pass = 0;
        var isAttempting = 0;
        CallbackReceipt? settled = null;
        var retriesLeft = settings.MaxRetries - failed.AttemptsMade + 1;
        var firstWait = RetrySchedule.Wait(settings, Math.Max(failed.AttemptsMade - 1, 0));
        var schedule = RestartSettings
            .Create(firstWait, RetrySchedule.LongestWait(settings), settings.Jitter)
            .WithMaxRestarts(retriesLeft, NeverForget);

        // A RestartFlow shared by deliveries drops what is in flight when it restarts, and one fed by Source.Single
        // never retries: so each failed delivery gets one of its own, over a source that repeats it.
        var retried = Source
            .Repeat(failed)
            .Via(
                RestartFlow.OnFailuresWithBackoff(
                    () =>
                        Flow.Create<PendingRequest>()
                            .SelectAsyncUnordered(1, AttemptAgainAsync)
                            .Select(ReceiptOrFailure),
                    schedule
                )
            )
            .RunWith(Sink.First<CallbackReceipt>(), materializer);

        // RestartFlow's wait knows no token. Only the wait is left behind, never an attempt: that one may be about to
        // be recorded, and ends by itself.
        var interrupted = new TaskCompletionSource<CallbackReceipt>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = stopping.Register(() =>
        {
            if (Interlocked.CompareExchange(ref isAttempting, 0, 0) == 0)
                interrupted.SetResult(new(failed, Settlement: null));
        });
        return await await Task.WhenAny(retried, interrupted.Task);

        async Task<Delivery> AttemptAgainAsync(PendingRequest pending)
        {
            // SelectAsyncUnordered asks for the next element before it emits the receipt: without this, every delivery
            // would be followed by one more callback.
            if (settled is not null)
                return new(pending, settled);

            // A RestartFlow runs its flow at once: raising the failure that brought us here makes the first wait come
            // before the second attempt. Without a failure, only for lack of resources of our own, there is no such
            // wait.
            if (pass++ == 0 && pending.AttemptsMade > 0)
                return new(pending, Receipt: null);
            Interlocked.Exchange(ref isAttempting, 1);
            await WaitAsync(pending);
            settled = await AttemptWhenItCanAsync(pending);
            Interlocked.Exchange(ref isAttempting, 0);
            if (settled is null && stopping.IsCancellationRequested)
                settled = new CallbackReceipt(pending, Settlement: null);
            return new(pending, settled);
        }
    }

    /// <summary>
    /// One attempt that counts: those that fail for lack of resources of our own are made again, without a slot in
    /// between.
    /// </summary>
    private async Task<CallbackReceipt?> AttemptWhenItCanAsync(PendingRequest pending)
    {
        for (var isAgain = false; ; isAgain = true)
        {
            if (pending.LacksResources)
                await resources.WaitAsync(pending, isAgain, stopping);
            var receipt = await AttemptAsync(new Turn(pending, await AttemptTurn.TakeAsync(pending, stopping)));
            if (receipt is not null || !pending.LacksResources)
                return receipt;
        }
    }

    // Thrown here and not by the task: a thousand receivers that hang fail within the same second, and each frame that
    // an exception passes through costs.
    private static CallbackReceipt ReceiptOrFailure(Delivery delivery) =>
        delivery.Receipt ?? throw new AttemptFailedException();

    // Until the time that the receiver asked for.
    private async Task WaitAsync(PendingRequest pending)
    {
        if (pending.NotBefore is not { } notBefore)
            return;
        var wait = time.GetElapsedTime(time.GetTimestamp(), Shorter(notBefore, pending.Deadline));
        if (wait > TimeSpan.Zero)
            await Task.Delay(wait, time, stopping).ContinueWith(_ => { }, TaskScheduler.Default);
    }

    /// <summary>One attempt and its place in the journal.</summary>
    /// <returns>A receipt when that was the last one. Null after a failure, and after one that was no attempt: see
    /// <see cref="PendingRequest.LacksResources"/>.</returns>
    private async Task<CallbackReceipt?> AttemptAsync(Turn turn)
    {
        var pending = turn.Pending;
        try
        {
            if (await CallAsync(turn) is not { } result)
                return stopping.IsCancellationRequested
                    ? new(pending, Settlement: null)
                    : await SettleAsync(pending, RequestState.Expired, last: null);
            pending.LacksResources = result.Lacking is not null;
            if (pending.LacksResources)
                return null;
            if (result.Attempt.Outcome == CallbackOutcome.Success)
                return await SettleAsync(pending, RequestState.Delivered, result.Attempt);
            pending.AttemptsMade++;
            if (result.IsFinal || pending.AttemptsMade > settings.MaxRetries)
                return await SettleAsync(pending, RequestState.Failed, result.Attempt);
            await UntilWrittenAsync(token => journal.RecordAttemptAsync(pending.Request.Id, result.Attempt, token));
            pending.NotBefore = result.RetryAfter is { } wait
                ? time.After(time.GetTimestamp(), Shorter(wait, settings.MaxRetryDelay))
                : null;
            return null;
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return new(pending, Settlement: null);
        }
    }

    /// <summary>Calls the receiver, in the slot that it then gives back.</summary>
    /// <returns>Null when the lane stops or the request expired.</returns>
    private async Task<AttemptResult?> CallAsync(Turn turn)
    {
        var pending = turn.Pending;
        CallbackAttempt? attempt = null;
        try
        {
            if (stopping.IsCancellationRequested || pending.IsExpired(time))
                return null;
            if (pending.Decision is not { } decision)
                throw new InvalidOperationException($"{pending.Request.Id} reached its callback undecided.");

            var result = await client.AttemptAsync(pending.Request, decision, stopping);
            if (result.Lacking is { } resource)
            {
                resources.Report(resource);
                return result;
            }

            attempt = result.Attempt;
            observer.Attempted(pending.Request, attempt, pending.IsRedriven);
            return result;
        }
        finally
        {
            if (turn.HoldsSlot)
                pending.Destination.EndAttempt(pending, attempt);
        }
    }

    private async Task<CallbackReceipt> SettleAsync(PendingRequest pending, RequestState state, CallbackAttempt? last)
    {
        var settlement = new Settlement(
            state,
            NotBefore(pending.Decision?.DecidedAt ?? pending.Request.AcceptedAt, time.GetUtcNow()),
            last
        );
        await UntilWrittenAsync(token => journal.SettleAsync(pending.Request.Id, settlement, token));
        return new CallbackReceipt(pending, settlement);
    }

    private async Task UntilWrittenAsync(Func<CancellationToken, ValueTask> write) =>
        await JournalWrites.UntilWrittenAsync(
            async token =>
            {
                await write(token);
                return true;
            },
            time,
            stopping
        );

    // What is shown stays in order, also when the clock was set back meanwhile.
    private static DateTimeOffset NotBefore(DateTimeOffset earlier, DateTimeOffset now) =>
        now > earlier ? now : earlier;

    private static T Shorter<T>(T a, T b)
        where T : IComparable<T> => a.CompareTo(b) <= 0 ? a : b;

    /// <summary>A retry's wait for its turn at its destination.</summary>
    private sealed class AttemptTurn : ISlotTaker
    {
        private readonly TaskCompletionSource<bool> _holdsSlot = new(
            TaskCreationOptions.RunContinuationsAsynchronously
        );

        public bool IsGone => _holdsSlot.Task.IsCompleted;

        /// <returns>Whether a slot was taken: not when the request expired meanwhile, or the lane stops.</returns>
        public static async Task<bool> TakeAsync(PendingRequest pending, CancellationToken stopping)
        {
            var turn = new AttemptTurn();
            if (pending.Destination.TakeAttemptOrWait(pending, turn, isRetry: true))
                return true;
            await using var stop = stopping.Register(() => turn._holdsSlot.TrySetResult(false));
            return await turn._holdsSlot.Task;
        }

        public bool TryTake(IWaitingDelivery delivery, bool holdsSlot) => _holdsSlot.TrySetResult(holdsSlot);
    }

    /// <summary>Tells a <see cref="RestartFlow"/> to wait and run again; never leaves this class.</summary>
    private sealed class AttemptFailedException : Exception
    {
        // RestartFlow logs it, and the log is told to leave that out; to look up the stack's names first would cost
        // more than the attempt.
        public override string? StackTrace => null;

        public override string ToString() => "the callback attempt failed";
    }
}
