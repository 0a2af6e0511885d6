using Akka.Streams;
using Akka.Streams.Dsl;
using AkkaCharging.Journal;
using AkkaCharging.Pipeline;
using AkkaCharging.Settings;

namespace AkkaCharging.Callbacks;

/// <summary>Where a delivery stands after its first attempt.</summary>
/// <param name="NotBefore">Earliest time of the next attempt that the receiver asked for.</param>
/// <param name="Receipt">Not null once it is settled, or interrupted by shutdown.</param>
internal sealed record Delivery(PendingRequest Pending, DateTimeOffset NotBefore, CallbackReceipt? Receipt);

/// <summary>The attempts of one delivery: the first, and the retries through a <see cref="RestartFlow"/> of its own.</summary>
/// <remarks>
/// Waits before the retries: <c>retryDelayMillis</c>, doubled each time, times 1 + a random share of up to <c>jitter</c>, capped at <c>maxRetryDelayMillis</c>;
/// longer where the receiver asked for it by Retry-After, up to the same cap.
/// </remarks>
internal sealed class CallbackDelivery(
    CallbackSettings settings,
    ICallbackClient client,
    IRequestJournal journal,
    IPipelineObserver observer,
    IMaterializer materializer,
    TimeProvider time,
    CancellationToken stopping)
{
    // RestartFlow forgets its count when this time passes without a restart. It must never: the overload without it falls back to the first wait, and an
    // attempt that takes longer than that would then be retried for ever.
    private static readonly TimeSpan NeverForget = TimeSpan.FromDays(1);

    // A millisecond doubled so often is longer than the longest cap, and an hour is still a TimeSpan.
    private const int DoublingsMax = 22;

    /// <summary>Makes the first attempt; a delivery that failed before its lane was restarted passes straight on to its retries.</summary>
    public async Task<Delivery> FirstAttemptAsync(PendingRequest pending)
    {
        if (pending.AttemptsMade > 0 && pending.AttemptsMade <= settings.MaxRetries)
            return new Delivery(pending, NotBefore: default, Receipt: null);
        var (receipt, notBefore) = await AttemptAsync(pending);
        return new Delivery(pending, notBefore, receipt);
    }

    /// <summary>Retries a failed delivery until it is settled.</summary>
    public Task<CallbackReceipt> RetryAsync(Delivery failed)
    {
        var pass = 0;
        CallbackReceipt? settled = null;
        var notBefore = failed.NotBefore;
        var retriesLeft = settings.MaxRetries - failed.Pending.AttemptsMade + 1;
        var firstWait = settings.RetryDelay * Math.Pow(2, Math.Min(failed.Pending.AttemptsMade - 1, DoublingsMax));
        var longestWait = settings.MaxRetryDelay / (1 + settings.Jitter); // RestartFlow adds the jitter after its cap
        var schedule = RestartSettings
            .Create(Shorter(firstWait, longestWait), longestWait, settings.Jitter)
            .WithMaxRestarts(retriesLeft, NeverForget);

        // A RestartFlow shared by deliveries drops what is in flight when it restarts, and one fed by Source.Single never retries:
        // so each failed delivery gets one of its own, over a source that repeats it.
        return Source.Repeat(failed.Pending)
            .Via(RestartFlow.OnFailuresWithBackoff(() => Flow.Create<PendingRequest>().SelectAsyncUnordered(1, AttemptAgainAsync), schedule))
            .RunWith(Sink.First<CallbackReceipt>(), materializer);

        async Task<CallbackReceipt> AttemptAgainAsync(PendingRequest pending)
        {
            // SelectAsyncUnordered asks for the next element before it emits the receipt: without this, every delivery would be followed by one more callback.
            if (settled is not null)
                return settled;

            // A RestartFlow runs its flow at once: raising the failure that brought us here makes the first wait come before the second attempt.
            if (pass++ == 0)
                throw new AttemptFailedException();
            settled = await WaitAsync(pending, notBefore);
            if (settled is null)
                (settled, notBefore) = await AttemptAsync(pending);
            return settled ?? throw new AttemptFailedException();
        }
    }

    private async Task<CallbackReceipt?> WaitAsync(PendingRequest pending, DateTimeOffset until)
    {
        // Capped again, because a clock that was set back meanwhile would prolong it by as much.
        var wait = Shorter(Shorter(until, pending.Request.ExpiresAt) - time.GetUtcNow(), settings.MaxRetryDelay);
        if (wait <= TimeSpan.Zero)
            return null;
        try
        {
            await Task.Delay(wait, time, stopping);
            return null;
        }
        catch (OperationCanceledException)
        {
            return new CallbackReceipt(pending, Settlement: null);
        }
    }

    /// <summary>One attempt and its place in the journal.</summary>
    /// <returns>A receipt when that was the last one; else the earliest time of the next.</returns>
    private async Task<(CallbackReceipt? Receipt, DateTimeOffset NotBefore)> AttemptAsync(PendingRequest pending)
    {
        try
        {
            if (stopping.IsCancellationRequested)
                return (new(pending, Settlement: null), default);
            if (pending.IsExpired(time))
                return (await SettleAsync(pending, RequestState.Expired, last: null), default);
            if (pending.Decision is not { } decision)
                throw new InvalidOperationException($"{pending.Request.Id} reached its callback undecided.");

            var result = await client.AttemptAsync(pending.Request, decision, stopping);
            observer.Attempted(pending.Request, result.Attempt, pending.IsRedriven);
            if (result.Attempt.Outcome == CallbackOutcome.Success)
                return (await SettleAsync(pending, RequestState.Delivered, result.Attempt), default);
            pending.AttemptsMade++;
            if (result.IsFinal || pending.AttemptsMade > settings.MaxRetries)
                return (await SettleAsync(pending, RequestState.Failed, result.Attempt), default);
            await UntilWrittenAsync(token => journal.RecordAttemptAsync(pending.Request.Id, result.Attempt, token));
            return (null, result.RetryAfter is { } wait ? time.GetUtcNow() + Shorter(wait, settings.MaxRetryDelay) : default);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return (new(pending, Settlement: null), default);
        }
    }

    private async Task<CallbackReceipt> SettleAsync(PendingRequest pending, RequestState state, CallbackAttempt? last)
    {
        var settlement = new Settlement(state, time.GetUtcNow(), last);
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
            stopping);

    private static T Shorter<T>(T a, T b)
        where T : IComparable<T> => a.CompareTo(b) <= 0 ? a : b;

    /// <summary>Tells a <see cref="RestartFlow"/> to wait and run again; never leaves this class.</summary>
    private sealed class AttemptFailedException : Exception;
}
