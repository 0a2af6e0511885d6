using AkkaCharging.Callbacks;
using AkkaCharging.Journal;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Timing;

namespace AkkaCharging.Pipeline.Stages;

/// <summary>The result of an attempt.</summary>
internal enum AttemptEnd
{
    /// <summary>The delivery is settled, or was interrupted by shutdown: there is a receipt.</summary>
    Done,

    /// <summary>The attempt failed, and a retry is due.</summary>
    Failed,

    /// <summary>The receiver is at fault and its breaker is not closed: the attempt does not count.</summary>
    ReceiverAway,

    /// <summary>This process lacked a resource to open a connection: no attempt took place.</summary>
    LackedResources,
}

/// <summary>The result of one attempt, and what it means for the delivery.</summary>
/// <param name="Receipt">The receipt when the end is <see cref="AttemptEnd.Done"/>; null otherwise.</param>
internal readonly record struct AttemptResolution(AttemptEnd End, CallbackReceipt? Receipt = null);

/// <summary>Makes one attempt of a delivery: calls the receiver, and journals the outcome.</summary>
internal sealed class DeliveryAttempt(CallbackSettings settings, CallbackParts parts, CancellationToken stopping)
{
    private readonly TimeProvider _time = parts.Time;

    /// <summary>Makes the attempt in the slot that <paramref name="turn"/> holds, and releases the slot.</summary>
    public async Task<AttemptResolution> MakeAsync(Turn turn)
    {
        var pending = turn.Pending;
        try
        {
            if (await CallAsync(turn) is not var (result, isReceiversFault))
                return pending.Moved is not null || stopping.IsCancellationRequested || !pending.IsExpired(_time)
                    ? Interrupted(pending)
                    : await SettleAsync(pending, RequestState.Expired, last: null);
            pending.LacksResources = result.Lacking is not null;
            if (pending.LacksResources)
                return new(AttemptEnd.LackedResources);
            if (result.Attempt.Outcome == CallbackOutcome.Success)
                return await SettleAsync(pending, RequestState.Delivered, result.Attempt);

            pending.NotBefore = result.RetryAfter is { } wait
                ? _time.After(_time.GetTimestamp(), wait < settings.MaxRetryDelay ? wait : settings.MaxRetryDelay)
                : null;
            if (isReceiversFault)
                return new(AttemptEnd.ReceiverAway);
            pending.AttemptsMade++;
            if (result.IsFinal || pending.AttemptsMade > settings.MaxRetries)
                return await SettleAsync(pending, RequestState.Failed, result.Attempt);
            await UntilWrittenAsync(token =>
                parts.Journal.RecordAttemptAsync(pending.Request.Id, result.Attempt, token)
            );
            return new(AttemptEnd.Failed);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return Interrupted(pending);
        }
        catch (RequestMovedException e)
        {
            pending.Moved = e;
            return Interrupted(pending);
        }
    }

    private static AttemptResolution Interrupted(PendingRequest pending) =>
        new(AttemptEnd.Done, CallbackReceipt.Interrupted(pending));

    /// <returns>
    /// Null when no attempt was made, because the turn holds no slot, the lane stops, or the request expired or moved.
    /// </returns>
    private async Task<(AttemptResult Result, bool IsReceiversFault)?> CallAsync(Turn turn)
    {
        if (!turn.HoldsSlot)
            return null;
        var pending = turn.Pending;
        AttemptResult? made = null;
        var isReceiversFault = false;
        try
        {
            if (pending.Moved is not null || stopping.IsCancellationRequested || pending.IsExpired(_time))
                return null;
            if (pending.Decision is not { } decision)
                throw new InvalidOperationException($"{pending.Request.Id} reached the callback stage undecided.");

            made = await parts.Client.AttemptAsync(pending.Request, decision, stopping);
            if (made.Value.Lacking is { } resource)
                parts.Resources.Report(resource);
            else
                parts.Observer.Attempted(pending.Request, made.Value.Attempt, pending.IsRedriven);
        }
        finally
        {
            var attempt = made is { Lacking: null } ended ? ended.Attempt : null;
            isReceiversFault = parts.Receivers.EndAttempt(pending.Receiver, turn, attempt);
        }

        return (made.Value, isReceiversFault);
    }

    private async Task<AttemptResolution> SettleAsync(PendingRequest pending, RequestState state, CallbackAttempt? last)
    {
        var settlement = new Settlement(
            state,
            NotBefore(pending.Decision?.DecidedAt ?? pending.Request.AcceptedAt, _time.GetUtcNow()),
            last
        );
        await UntilWrittenAsync(token => parts.Journal.SettleAsync(pending.Request.Id, settlement, token));
        return new(AttemptEnd.Done, new CallbackReceipt(pending, settlement));
    }

    private async Task UntilWrittenAsync(Func<CancellationToken, ValueTask> write) =>
        await JournalWrites.UntilWrittenAsync(
            async token =>
            {
                await write(token);
                return true;
            },
            _time,
            stopping
        );

    // The times shown stay in order even when the clock was set back meanwhile.
    private static DateTimeOffset NotBefore(DateTimeOffset earlier, DateTimeOffset now) =>
        now > earlier ? now : earlier;
}
