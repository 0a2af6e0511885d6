using AkkaCharging.Journal.Retention;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>Stores accepted requests until they are settled, and their outcomes for the retention time.</summary>
/// <remarks>
/// Order: a request is written before its 200, a decision before its callback, an outcome before the request is
/// forgotten. A write is durable when its task completes, as far as the kind of journal allows (memory: not beyond the
/// process). Errors: <see cref="JournalUnavailableException"/> when a write could not be made; retry later.
/// <see cref="RequestMovedException"/> when a decision, an attempt or a settlement is no longer this node's to write.
/// </remarks>
internal interface IRequestJournal : IAsyncDisposable
{
    private static readonly Task<InvalidJournalException> Never =
        new TaskCompletionSource<InvalidJournalException>().Task;

    /// <summary>The status of the journal, such as whether writes succeed at present.</summary>
    JournalStatus Status { get; }

    /// <summary>Hashes idempotency keys into claims, with a secret as long-lived as the journal.</summary>
    /// <exception cref="JournalUnavailableException">The journal is not open yet.</exception>
    IdempotencyHasher Hasher { get; }

    /// <summary>
    /// Opens the journal, or starts to: while another process owns it, or the disk or database is unavailable,
    /// <see cref="Status"/> says so.
    /// </summary>
    /// <exception cref="InvalidJournalException">The journal can never be opened: it is corrupt, of a newer version, or
    /// encrypted with another key.</exception>
    Task StartAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Completes when the journal turns out to be unusable after <see cref="StartAsync"/> has returned; the process
    /// should then end.
    /// </summary>
    Task<InvalidJournalException> Invalid => Never;

    /// <summary>
    /// Waits until the journal is open, then reads the unsettled requests of earlier processes, oldest first, page by
    /// page.
    /// </summary>
    /// <remarks>
    /// After another process owned the journal in between, there are more to read: <see cref="JournalStatus.Backlog"/>
    /// rises again.
    /// </remarks>
    IAsyncEnumerable<UnsettledRequest> ReadUnsettledAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Waits until there is more for <see cref="ReadUnsettledAsync"/> to read than there was when it was last called.
    /// </summary>
    Task WaitForBacklogAsync(CancellationToken cancellationToken) =>
        Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);

    /// <summary>
    /// Stores <paramref name="request"/>, unless <paramref name="idempotency"/> belongs to a request that is already
    /// stored.
    /// </summary>
    ValueTask<AcceptResult> AcceptAsync(
        ChargingRequest request,
        IdempotencyClaim? idempotency,
        CancellationToken cancellationToken
    );

    /// <summary>
    /// Returns the answer that <see cref="AcceptAsync"/> would give to <paramref name="claim"/> for an already stored
    /// request; null when there is none.
    /// </summary>
    /// <remarks>Runs in sequence with the writes, so that a request whose commit is in doubt is never
    /// returned.</remarks>
    ValueTask<AcceptResult?> FindAcceptedAsync(IdempotencyClaim claim, CancellationToken cancellationToken);

    /// <summary>Stores <paramref name="decision"/> unless a decision is already stored.</summary>
    /// <returns>The decision in force: a stored one takes precedence.</returns>
    ValueTask<Decision> DecideAsync(RequestId id, Decision decision, CancellationToken cancellationToken);

    /// <summary>Stores a failed attempt that will be retried; does nothing when the request is settled.</summary>
    ValueTask RecordAttemptAsync(RequestId id, CallbackAttempt attempt, CancellationToken cancellationToken);

    /// <summary>Stores the outcome of the request; does nothing when the request is already settled.</summary>
    ValueTask SettleAsync(RequestId id, Settlement settlement, CancellationToken cancellationToken);

    /// <summary>Returns what is stored about a request; null when it never existed or is past retention.</summary>
    /// <exception cref="DamagedRequestException">It is stored, and cannot be read.</exception>
    ValueTask<RequestRecord?> FindAsync(RequestId id, CancellationToken cancellationToken);
}

/// <summary>The outcome of an attempt to accept a request.</summary>
internal enum AcceptOutcome
{
    /// <summary>The request was stored now.</summary>
    Accepted,

    /// <summary>The same request was stored before, under the id of the result.</summary>
    Replayed,

    /// <summary>The idempotency key was used with other field values.</summary>
    Conflict,
}

/// <summary>The outcome of an attempt to accept a request, and the id under which the request is stored.</summary>
/// <param name="Lane">The cluster lane of a request stored now; zero without a cluster.</param>
internal readonly record struct AcceptResult(AcceptOutcome Outcome, RequestId Id, int Lane = 0);

/// <summary>
/// An <c>Idempotency-Key</c>, scoped to its API key, and the field values it was used with; both as keyed hashes in
/// hexadecimal digits.
/// </summary>
internal sealed record IdempotencyClaim(string KeyHash, string BodyHash)
{
    /// <summary>How long an idempotency key is kept.</summary>
    public static readonly TimeSpan Retention = TimeSpan.FromHours(24);
}

/// <summary>A stored idempotency key: the request that was accepted with it, and its field values.</summary>
internal readonly record struct KeptClaim(RequestId Id, string BodyHash)
{
    /// <summary>Returns the answer to <paramref name="claim"/>, which has the same key.</summary>
    /// <param name="id">The request that claims the key; default for a look-up.</param>
    public AcceptResult Answer(IdempotencyClaim claim, RequestId id = default) =>
        Id == id ? new(AcceptOutcome.Accepted, id)
        : string.Equals(BodyHash, claim.BodyHash, StringComparison.Ordinal) ? new(AcceptOutcome.Replayed, Id)
        : new(AcceptOutcome.Conflict, Id);
}

/// <summary>The status of a journal, for health.</summary>
/// <param name="Kind"><c>sqlite</c>, <c>postgres</c> or <c>memory</c>.</param>
/// <param name="Problem">Why writes fail, without secrets; null when they succeed.</param>
/// <param name="Backlog">Number of unsettled requests of earlier processes that have not been read yet.</param>
/// <param name="Damaged">Number of unsettled requests that cannot be read, and stay in the journal.</param>
/// <param name="WasOpen">Whether the journal was open at any time since the start.</param>
/// <param name="EarlyDeletions">Number of settled requests that were deleted before
/// <c>journal.retentionHours</c>.</param>
internal sealed record JournalStatus(
    string Kind,
    bool IsAvailable,
    string? Problem,
    long Backlog = 0,
    long Damaged = 0,
    bool WasOpen = true,
    EarlyCounts EarlyDeletions = default
);

/// <summary>The journal can never be used by this process, which therefore does not start.</summary>
internal sealed class InvalidJournalException(string message, Exception? innerException = null)
    : Exception(message, innerException);

/// <summary>
/// The request of a write is in another node's lane by now, or is gone: the write changed nothing, and never will.
/// </summary>
internal sealed class RequestMovedException(RequestId id, bool isGone)
    : Exception(isGone ? $"The journal no longer has {id}." : $"{id} is in a lane of another node.")
{
    /// <summary>Whether no node has the request.</summary>
    public bool IsGone => isGone;
}

/// <summary>A write could not be made; everything stored before is kept.</summary>
internal sealed class JournalUnavailableException(string message, Exception? innerException = null)
    : Exception(message, innerException);
