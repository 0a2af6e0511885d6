using System.Diagnostics;
using AkkaCharging.Journal;
using AkkaCharging.Pipeline.Lanes;
using AkkaCharging.Receivers;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Pipeline;

/// <summary>A validated submission of a caller.</summary>
/// <param name="ValidFor">How long the answer is useful; limits <c>request.maxAgeMillis</c>.</param>
internal sealed record Submission(
    StationId Station,
    DriverToken Token,
    CallbackUrl Callback,
    TimeSpan? ValidFor,
    string? ApiKeyName,
    IdempotencyClaim? Idempotency,
    ActivityContext Trace,
    CallbackFormat Format = CallbackFormat.Default
);

/// <summary>The outcome of a submission.</summary>
internal enum IntakeOutcome
{
    /// <summary>The request is journaled and will be decided and called back.</summary>
    Accepted,

    /// <summary>The same submission was accepted before.</summary>
    Replayed,

    /// <summary>The idempotency key was used with other field values.</summary>
    Conflict,

    /// <summary><c>queue.maxSize</c> requests are pending.</summary>
    QueueFull,

    /// <summary>The callback's destination has used up its share of the queue.</summary>
    DestinationBacklogged,

    /// <summary>The journal could not store the request.</summary>
    JournalUnavailable,

    /// <summary>The service is stopping.</summary>
    ShuttingDown,
}

/// <summary>The outcome of a submission, with its details.</summary>
/// <param name="Id">The id of the request that was accepted, now or before.</param>
/// <param name="RetryAfter">When to retry after a temporary rejection; null otherwise.</param>
internal readonly record struct IntakeResult(
    IntakeOutcome Outcome,
    RequestId Id = default,
    TimeSpan? RetryAfter = null
);

/// <summary>Accepts submissions: admission, journal, lane. Called by the HTTP endpoints.</summary>
internal sealed class Intake(
    RequestSettings settings,
    Admission admission,
    IRequestJournal journal,
    LaneSet lanes,
    TimeProvider time
)
{
    /// <summary>When a caller should retry while the journal is unavailable.</summary>
    public static readonly TimeSpan JournalRetryAfter = TimeSpan.FromSeconds(5);

    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isClosing;
    private int _submitting;

    /// <summary>Number of submissions that are not answered yet, for tests.</summary>
    public int Submitting => Volatile.Read(ref _submitting);

    /// <summary>Answers when the request is journaled, or at once when it is rejected.</summary>
    public async ValueTask<IntakeResult> SubmitAsync(Submission submission)
    {
        Interlocked.Increment(ref _submitting);
        try
        {
            if (_isClosing)
                return new(IntakeOutcome.ShuttingDown);
            return admission.TryEnter(submission.Callback.Destination, out var receiver, out var retryAfter) switch
            {
                AdmissionVerdict.Entered => await AcceptAsync(submission, receiver!),
                AdmissionVerdict.QueueFull => await RefuseAsync(
                    submission,
                    new(IntakeOutcome.QueueFull, RetryAfter: retryAfter)
                ),
                _ => await RefuseAsync(submission, new(IntakeOutcome.DestinationBacklogged, RetryAfter: retryAfter)),
            };
        }
        finally
        {
            if (Interlocked.Decrement(ref _submitting) == 0 && _isClosing)
                _closed.TrySetResult();
        }
    }

    /// <summary>Rejects all further submissions; completes when those in progress are answered.</summary>
    public Task CloseAsync()
    {
        _isClosing = true;
        // Otherwise the count could be read before the flag is seen, and a submission and this call miss each other.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _submitting) == 0)
            _closed.TrySetResult();
        return _closed.Task;
    }

    private async ValueTask<IntakeResult> AcceptAsync(Submission submission, Receiver receiver)
    {
        var keepsPlace = false;
        try
        {
            var since = time.GetTimestamp();
            var request = Request(submission);

            // Not cancelled when the caller disconnects: the write continues, and its result decides whether the
            // request keeps its place.
            var accepted = await journal.AcceptAsync(request, submission.Idempotency, CancellationToken.None);
            if (accepted.Outcome != AcceptOutcome.Accepted)
                return Repeated(accepted);

            // If the lane has moved to another node, so has the request.
            keepsPlace =
                lanes
                    .Of(request.Id, accepted.Lane)
                    ?.TryAdd(new PendingRequest(request, receiver, time, since, request.ExpiresAt - request.AcceptedAt))
                ?? false;
            return new(IntakeOutcome.Accepted, request.Id);
        }
        catch (JournalUnavailableException)
        {
            return new(IntakeOutcome.JournalUnavailable, RetryAfter: JournalRetryAfter);
        }
        finally
        {
            if (!keepsPlace)
                admission.Leave(receiver);
        }
    }

    /// <summary>
    /// Answers a submission that found no place. The repeat of an accepted submission needs none and is answered as
    /// usual.
    /// </summary>
    private async ValueTask<IntakeResult> RefuseAsync(Submission submission, IntakeResult refusal)
    {
        if (submission.Idempotency is not { } claim)
            return refusal;
        try
        {
            return await journal.FindAcceptedAsync(claim, CancellationToken.None) is { } accepted
                ? Repeated(accepted)
                : refusal;
        }
        catch (JournalUnavailableException)
        {
            return refusal;
        }
    }

    private static IntakeResult Repeated(AcceptResult accepted) =>
        new(accepted.Outcome == AcceptOutcome.Replayed ? IntakeOutcome.Replayed : IntakeOutcome.Conflict, accepted.Id);

    private ChargingRequest Request(Submission submission)
    {
        var now = time.GetUtcNow();
        var age = submission.ValidFor is { } validFor && validFor < settings.MaxAge ? validFor : settings.MaxAge;
        return new(
            Id: RequestId.New(now),
            Station: submission.Station,
            Token: submission.Token,
            Callback: submission.Callback,
            AcceptedAt: now,
            ExpiresAt: now + age,
            ApiKeyName: submission.ApiKeyName,
            Trace: submission.Trace,
            Format: submission.Format
        );
    }
}
