using Akka.Streams;
using Akka.Streams.Dsl;
using AkkaCharging.Receivers;
using AkkaCharging.Settings;
using AkkaCharging.Timing;

namespace AkkaCharging.Pipeline.Stages;

/// <summary>
/// Retries a failed attempt until its delivery is settled, with one <see cref="RestartFlow"/> per delivery.
/// </summary>
/// <remarks>
/// Waits before the retries: <c>retryDelayMillis</c>, doubled each time, times 1 + a random share of up to
/// <c>jitter</c>, capped at <c>maxRetryDelayMillis</c>; longer if the receiver asked for it by Retry-After, up to the
/// same cap. Attempts that do not count (the receiver is unavailable, or this process lacks resources) are repeated
/// within the same restart.
/// </remarks>
internal sealed class RestartingRetries(
    CallbackSettings settings,
    DeliveryAttempt attempt,
    CallbackParts parts,
    IMaterializer materializer,
    LaneTokens tokens
)
{
    // RestartFlow resets its count after this time without a restart, which must never happen: the overload without it
    // resets after the first wait, and an attempt that takes longer would then be retried forever. It uses the wall
    // clock, so the time is longer than any accidental step of the clock.
    private static readonly TimeSpan NeverForget = TimeSpan.FromDays(36_500);

    /// <summary>
    /// Checks whether the next attempt of <paramref name="pending"/> is a retry, because it had failed before its lane
    /// was restarted.
    /// </summary>
    public bool AreNext(PendingRequest pending) =>
        pending.AttemptsMade > 0 && pending.AttemptsMade <= settings.MaxRetries;

    /// <summary>Retries a failed delivery until it is settled, or is left to the journal.</summary>
    /// <param name="place">The place in the retry lane, which is released at the end. Without a slot, the delivery is
    /// settled at once: it expired, or the lane ends.</param>
    public async Task<CallbackReceipt> RetryAsync(Turn place)
    {
        try
        {
            // A RestartFlow would wait before it settles them, and keep retries that have a place from running.
            return place.HoldsSlot ? await RetryAsync(place.Pending) : await SettleAsync(place);
        }
        finally
        {
            if (place.HoldsSlot)
                parts.Receivers.EndRetry(place.Pending.Receiver);
        }
    }

    private async Task<CallbackReceipt> SettleAsync(Turn released) =>
        tokens.Leaving.IsCancellationRequested
            ? CallbackReceipt.Interrupted(released.Pending)
            : (await attempt.MakeAsync(released)).Receipt!;

    private async Task<CallbackReceipt> RetryAsync(PendingRequest failed)
    {
        var pass = 0;
        var isAttempting = 0;
        CallbackReceipt? settled = null;
        var firstWait = RetrySchedule.Wait(settings, Math.Max(failed.AttemptsMade - 1, 0));
        var schedule = RestartSettings
            .Create(firstWait, RetrySchedule.LongestWait(settings), settings.Jitter)
            .WithMaxRestarts(Math.Max(settings.MaxRetries - failed.AttemptsMade, 0) + 1, NeverForget);

        // A RestartFlow shared by deliveries drops elements in progress when it restarts, and one with Source.Single
        // never retries: so each failed delivery gets its own, with a source that repeats it.
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

        // RestartFlow's wait cannot be cancelled. Only the wait is abandoned, never an attempt, which may be about to
        // be recorded and ends by itself.
        var interrupted = new TaskCompletionSource<CallbackReceipt>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = tokens.Leaving.Register(() =>
        {
            if (Interlocked.CompareExchange(ref isAttempting, 0, 0) == 0)
                interrupted.SetResult(CallbackReceipt.Interrupted(failed));
        });
        return await await Task.WhenAny(retried, interrupted.Task);

        async Task<Delivery> AttemptAgainAsync(PendingRequest pending)
        {
            // SelectAsyncUnordered requests the next element before it emits the receipt: without this, every delivery
            // would be followed by another callback.
            if (settled is not null)
                return new(pending, settled);

            // A RestartFlow runs its flow at once: throwing the first failure again makes the first wait precede the
            // second attempt. If no failure counted, there is no such wait.
            if (pass++ == 0 && pending.AttemptsMade > 0)
                return new(pending, Receipt: null);
            Interlocked.Exchange(ref isAttempting, 1);
            settled = await AttemptUntilItCountsAsync(pending);
            if (settled is null)
            {
                Interlocked.Exchange(ref isAttempting, 0);
                if (tokens.Leaving.IsCancellationRequested)
                    settled = CallbackReceipt.Interrupted(pending);
            }

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

    // Thrown here and not by the task: a thousand hanging receivers fail within the same second, and each frame that an
    // exception passes through costs time.
    private static CallbackReceipt ReceiptOrFailure(Delivery delivery) =>
        delivery.Receipt ?? throw new AttemptFailedException();

    // Waits until the time that the receiver asked for.
    private async Task WaitAsync(PendingRequest pending)
    {
        if (pending.NotBefore is not { } notBefore)
            return;
        var until = Math.Min(notBefore, pending.Deadline);
        // A timer may end early by a fraction of a millisecond: an attempt would still be made then.
        while (!tokens.Leaving.IsCancellationRequested && parts.Time.Until(until) is var left && left > TimeSpan.Zero)
            await Task.Delay(left.UpToMilliseconds(), parts.Time, tokens.Leaving)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>A retry that waits for its turn at its receiver.</summary>
    private sealed class AttemptTurn : ITurnTaker
    {
        private readonly TaskCompletionSource<Turn?> _turn = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsGone => _turn.Task.IsCompleted;

        /// <returns>A turn without a slot when the request expires or the lane ends.</returns>
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

    /// <summary>Makes a <see cref="RestartFlow"/> wait and run again; caught within this class.</summary>
    private sealed class AttemptFailedException : Exception
    {
        // RestartFlow logs the exception, and a log filter drops that line; resolving the stack trace would cost more
        // than the attempt.
        public override string? StackTrace => null;

        public override string ToString() => "the callback attempt failed";
    }
}
