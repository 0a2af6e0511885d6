using Akka;
using Akka.Streams.Dsl;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.Journal;
using AkkaCharging.Requests;

namespace AkkaCharging.Pipeline.Stages;

/// <summary>Asks the authorizer about each undecided request, and journals the decision.</summary>
/// <remarks>
/// Shape: PendingRequest to PendingRequest, one for one, in the order of the answers; materializes nothing. Errors:
/// every failure of an authorizer is a decision (<see cref="AuthorizationStatus.Unknown"/> and its reason); an
/// unavailable journal is waited for. Expired requests pass undecided, and the callback stage settles them. Completion:
/// answers in progress are emitted first. When the lane stops, requests pass unchanged.
/// </remarks>
internal static class AuthorizationStage
{
    // Decisions that wait for a group commit hold no authorizer slot, and need little memory.
    private const int DecisionsBeingJournaled = 4096;

    public static Flow<PendingRequest, PendingRequest, NotUsed> Create(
        int parallelism,
        GuardedChain authorizers,
        IRequestJournal journal,
        IPipelineObserver observer,
        TimeProvider time,
        CancellationToken stopping
    ) =>
        Flow.Create<PendingRequest>()
            .SelectAsyncUnordered(parallelism, pending => AnswerAsync(pending, authorizers, time, stopping)) // Answer
            .SelectAsyncUnordered(
                DecisionsBeingJournaled,
                answer => JournalAsync(answer, journal, observer, time, stopping)
            )
            .Named("authorization");

    private static async Task<Answer> AnswerAsync(
        PendingRequest pending,
        GuardedChain authorizers,
        TimeProvider time,
        CancellationToken stopping
    )
    {
        if (pending.Decision is not null || pending.IsExpired(time) || stopping.IsCancellationRequested)
            return new Answer(pending, Decision: null, TimeSpan.Zero, TimeSpan.Zero);

        var start = new CallStart();
        try
        {
            var decision = await authorizers.DecideUnlessExpiredAsync(
                authorizers.Ask(pending.Request.Id, pending.Request.Station, pending.Request.Token),
                authorizers.DeadlineOf(pending.Since, pending.Deadline),
                startBy: pending.Deadline,
                stopping,
                start
            );
            if (decision is null)
                return new Answer(pending, Decision: null, TimeSpan.Zero, TimeSpan.Zero);
            if (decision.DecidedAt < pending.Request.AcceptedAt)
                // The clock was set back meanwhile: the times shown stay in order.
                decision = decision with
                {
                    DecidedAt = pending.Request.AcceptedAt,
                };
            var startedAt = start.At ?? time.GetTimestamp();
            return new Answer(
                pending,
                decision,
                time.GetElapsedTime(pending.EnqueuedAt, startedAt),
                time.GetElapsedTime(startedAt)
            );
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return new Answer(pending, Decision: null, TimeSpan.Zero, TimeSpan.Zero);
        }
    }

    private static async Task<PendingRequest> JournalAsync(
        Answer answer,
        IRequestJournal journal,
        IPipelineObserver observer,
        TimeProvider time,
        CancellationToken stopping
    )
    {
        var (pending, decision, queueWait, duration) = answer;
        if (decision is null)
            return pending;

        try
        {
            pending.Decision = await JournalWrites.UntilWrittenAsync(
                token => journal.DecideAsync(pending.Request.Id, decision, token),
                time,
                stopping
            );
            observer.Decided(pending.Request, pending.Decision, queueWait, duration);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // Still undecided in the journal; decided by the process that resumes the request.
        }
        catch (RequestMovedException e)
        {
            pending.Moved = e;
        }

        return pending;
    }

    private readonly record struct Answer(
        PendingRequest Pending,
        Decision? Decision,
        TimeSpan QueueWait,
        TimeSpan Duration
    );
}
