using Akka.Streams;
using Akka.Streams.Dsl;
using AkkaCharging.Receivers;
using AkkaCharging.Settings;

namespace AkkaCharging.Pipeline.Stages;

/// <summary>
/// Repeats a failed attempt until its delivery is settled: through a <see cref="RestartFlow"/> for each delivery.
/// </summary>
/// <remarks>
/// Waits before the retries: <c>retryDelayMillis</c>, doubled each time, times 1 + a random share of up to
/// <c>jitter</c>, capped at <c>maxRetryDelayMillis</c>; longer where the receiver asked for it by Retry-After, up to
/// the same cap. Attempts that do not count (the receiver is away, this process lacks resources) are made again within
/// the same restart.
/// </remarks>
internal sealed class RestartingRetries(
    CallbackSettings settings,
    DeliveryAttempt attempt,
    CallbackParts parts,
    IMaterializer materializer,
    LaneTokens tokens
)
{
    // RestartFlow forgets its count when this time passes without a restart. It must never: the overload without it
    // falls back to the first wait, and an attempt that takes longer than that would then be retried for ever. It looks
    // at the wall clock, so that this is longer than any step that is a mistake.
    private static readonly TimeSpan NeverForget = TimeSpan.FromDays(36_500);

    /// <summary>
    /// Whether <paramref name="pending"/> failed before its lane was restarted: it passes straight on to its retries.
    /// </summary>
    public bool AreNext(PendingRequest pending) =>
        pending.AttemptsMade > 0 && pending.AttemptsMade <= settings.MaxRetries;

    /// <summary>Retries a failed delivery until it is settled, or the lane leaves it to the journal.</summary>
    /// <param name="place">In the retry lane; given back at the end.</param>
    public async Task<CallbackReceipt> RetryAsync(Turn place)
    {
        try
        {
            return await RetryAsync(place.Pending);
        }
        finally
        {
            if (place.HoldsSlot)
                parts.Receivers.EndRetry(place.Pending.Receiver);
        }
    }

    private async Task<CallbackReceipt> RetryAsync(PendingRequest failed)
    {
        var pass = 0;
        var isAttempting = 0;
        CallbackReceipt? settled = null;
        var firstWait = RetrySchedule.Wait(settings, Math.Max(failed.AttemptsMade - 1, 0));
        var schedule = RestartSettings
            .Create(firstWait, RetrySchedule.LongestWait(settings), settings.Jitter)
            .WithMaxRestarts(settings.MaxRetries - failed.AttemptsMade + 1, NeverForget);

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
        await using var registration = tokens.Leaving.Register(() =>
        {
            if (Interlocked.CompareExchange(ref isAttempting, 0, 0) == 0)
                interrupted.SetResult(CallbackReceipt.Interrupted(failed));
        });
        return await await Task.WhenAny(retried, interrupted.Task);

        async Task<Delivery> AttemptAgainAsync(PendingRequest pending)
        {
            // SelectAsyncUnordered asks for the next element before it emits the receipt: without this, every delivery
            // would be followed by one more callback.
            if (settled is not null)
                return new(pending, settled);

            // A RestartFlow runs its flow at once: raising the failure that brought us here makes the first wait come
            // before the second attempt. Without a failure that counts there is no such wait.
            if (pass++ == 0 && pending.AttemptsMade > 0)
                return new(pending, Receipt: null);
            Interlocked.Exchange(ref isAttempting, 1);
            settled = await AttemptUntilItCountsAsync(pending);
            Interlocked.Exchange(ref isAttempting, 0);
            if (settled is null && tokens.Leaving.IsCancellationRequested)
                settled = CallbackReceipt.Interrupted(pending);
            return new(pending, settled);
        }
    }

    /// <returns>Null after a failure that counts.</returns>
    private async Task<CallbackReceipt?> AttemptUntilItCountsAsync(PendingRequest pending)
    {
        for (var end = AttemptEnd.Failed; ; )
        {
            await WaitAsync(pending);
            if (pending.LacksResources)
                await parts.Resources.WaitAsync(pending, isAgain: end == AttemptEnd.LackedResources, tokens.Leaving);
            if (tokens.Leaving.IsCancellationRequested)
                return CallbackReceipt.Interrupted(pending);

            var resolution = await attempt.MakeAsync(
                await AttemptTurn.TakeAsync(parts.Receivers, pending, tokens.Stopping)
            );
            end = resolution.End;
            if (end is AttemptEnd.Done or AttemptEnd.Failed)
                return resolution.Receipt;
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
        var time = parts.Time;
        var wait = time.GetElapsedTime(time.GetTimestamp(), Math.Min(notBefore, pending.Deadline));
        if (wait > TimeSpan.Zero)
            await Task.Delay(wait, time, tokens.Leaving).ContinueWith(_ => { }, TaskScheduler.Default);
    }

    /// <summary>A retry's wait for its turn at its receiver.</summary>
    private sealed class AttemptTurn : ITurnTaker
    {
        private readonly TaskCompletionSource<Turn?> _turn = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsGone => _turn.Task.IsCompleted;

        /// <returns>A turn without a slot when the request expired meanwhile, or the lane ends.</returns>
        public static async Task<Turn> TakeAsync(
            ReceiverRegister receivers,
            PendingRequest pending,
            CancellationToken stopping
        )
        {
            var taker = new AttemptTurn();
            var turn = new Turn(pending, isRetry: true, taker);
            if (receivers.TakeAttemptOrWait(pending.Receiver, turn))
                return turn.Started();
            await using var stop = stopping.Register(() => taker._turn.TrySetResult(null));
            return await taker._turn.Task ?? new Turn(pending, isRetry: true, taker);
        }

        public bool TryTake(Turn turn) => _turn.TrySetResult(turn);
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
