using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.Pipeline.Stages;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Timing;

namespace AkkaCharging.Pipeline;

/// <summary>
/// Answers questions whose caller waits, with the authorizers, guards and throttle of the pipeline, but without journal
/// and callback.
/// </summary>
/// <remarks>Shape: one decision for one question, at its deadline at the latest.</remarks>
/// <param name="authorizers">Returns the authorizers; null before the lanes are started.</param>
/// <param name="throttle">The throttle shared with the lanes; null for no limit.</param>
internal sealed class SynchronousQuestions(
    ChargingSettings settings,
    Func<GuardedChain?> authorizers,
    TokenBucket? throttle,
    IPipelineObserver observer,
    TimeProvider time
)
{
    private readonly int _waitingMax = settings.Queue.MaxSize;
    private int _waiting;
    private volatile bool _isClosed;

    /// <summary>Whether the service is stopping, and answers only the questions in progress.</summary>
    public bool IsClosed => _isClosed;

    /// <summary>Number of questions in progress.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Lets callers know that no further question is answered.</summary>
    public void Close() => _isClosed = true;

    /// <summary>
    /// Decides a question within <c>authorization.answerWithinMillis</c> or, without it,
    /// <c>authorization.timeoutMillis</c>.
    /// </summary>
    /// <param name="validFor">How long the answer is useful; null for no limit.</param>
    /// <returns>Null when too many questions are in progress, or the service has not started.</returns>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async Task<Decision?> AskAsync(
        RequestId id,
        StationId station,
        DriverToken token,
        TimeSpan? validFor,
        CancellationToken cancellationToken
    )
    {
        if (authorizers() is not { } chain)
            return null;
        if (Interlocked.Increment(ref _waiting) > _waitingMax)
        {
            Interlocked.Decrement(ref _waiting);
            return null;
        }

        try
        {
            var askedAt = time.GetTimestamp();
            var within = settings.Authorization.AnswerWithin ?? settings.Authorization.Timeout;
            var isUsefulLonger = !(validFor < within);
            var deadline = time.After(askedAt, isUsefulLonger ? within : validFor!.Value);
            var isReserved = await WaitForTurnAsync(deadline, cancellationToken);
            var start = new CallStart();
            var decision = await chain.DecideAsync(
                chain.Ask(id, station, token),
                deadline,
                startBy: isReserved ? deadline : askedAt, // the wait may have ended before the deadline by a moment
                cancellationToken,
                start
            );
            var startedAt = start.At ?? time.GetTimestamp();
            if (
                decision.Reason == DecisionReason.Deadline
                && settings.Authorization.AnswerWithin is null
                && isUsefulLonger
            )
                decision = decision with { Reason = DecisionReason.Timeout };
            observer.Answered(
                new(id, station, token),
                decision,
                time.GetElapsedTime(askedAt, startedAt),
                time.GetElapsedTime(startedAt)
            );
            return decision;
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    // A start that no question uses would delay every request behind it: one that comes after the deadline is not
    // reserved, and a caller who leaves gives back theirs.
    /// <returns>False when there was no start before the deadline: no authorizer may be asked.</returns>
    private async Task<bool> WaitForTurnAsync(long deadline, CancellationToken cancellationToken)
    {
        if (throttle is null)
            return true;
        cancellationToken.ThrowIfCancellationRequested();
        var (now, latest) = (throttle.Now, throttle.At(deadline));
        var startAt = throttle.TryReserve(now, latest);
        var wait = (startAt ?? latest) - now;
        try
        {
            if (wait > 0)
                await Task.Delay(TimeSpan.FromSeconds(wait / time.TimestampFrequency), time, cancellationToken);
            return startAt is not null;
        }
        catch (OperationCanceledException) when (startAt is not null)
        {
            throttle.Return(startAt.Value);
            throw;
        }
    }
}

/// <summary>A question whose caller waits for the answer.</summary>
internal readonly record struct SynchronousQuestion(RequestId Id, StationId Station, DriverToken Token);
