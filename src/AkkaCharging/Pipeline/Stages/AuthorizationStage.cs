using Akka;
using Akka.Streams.Dsl;
using AkkaCharging.Authorization.Chain;
using AkkaCharging.Journal;
using AkkaCharging.Requests;

namespace AkkaCharging.Pipeline.Stages;

/// <summary>Asks the authorizer about each request that has no decision, and journals what it answers.</summary>
/// <remarks>
/// Shape: PendingRequest to PendingRequest, one for one, as answers come; materializes nothing. Errors: every way in
/// which an authorizer fails is a decision (<see cref="AuthorizationStatus.Unknown"/> and its reason); a journal that
/// is away is waited for. Requests past their age pass undecided: the callback stage settles them. Completion: answers
/// in flight are emitted first. When the lane stops, requests pass as they are.
/// </remarks>
internal static class AuthorizationStage
{
    // Decisions that wait for one group commit cost no authorizer slot, and little memory.
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

        var startedAt = time.GetTimestamp();
        try
        {
            var decision = await authorizers.DecideAsync(
                authorizers.Ask(pending.Request.Id, pending.Request.Station, pending.Request.Token),
                authorizers.DeadlineOf(pending.Since, pending.Deadline),
                stopping
            );
            if (decision.DecidedAt < pending.Request.AcceptedAt)
                // the clock was set back meanwhile: what is shown stays in order
                decision = decision with
                {
                    DecidedAt = pending.Request.AcceptedAt,
                };
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
            // Undecided in the journal: it is decided once, by whoever takes it up next.
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
