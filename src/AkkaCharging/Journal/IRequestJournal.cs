using AkkaCharging.Journal.Retention;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>Keeps accepted requests until they are settled, and what became of them for a while after.</summary>
/// <remarks>
/// Order: a request is journaled before its 200, a decision before its callback, an outcome before the request is
/// forgotten. A write is kept when its task completes; what a crash then leaves is the journal's kind to say (memory:
/// nothing). Errors: <see cref="JournalUnavailableException"/> when the write could not be made; trying again later is
/// right.
/// </remarks>
internal interface IRequestJournal : IAsyncDisposable
{
    private static readonly Task<InvalidJournalException> Never =
        new TaskCompletionSource<InvalidJournalException>().Task;

    /// <summary>Whether writes go through at present.</summary>
    JournalStatus Status { get; }

    /// <summary>Makes claims of idempotency keys, with a secret that lives as long as the journal.</summary>
    /// <exception cref="JournalUnavailableException">The journal is not open yet.</exception>
    IdempotencyHasher Hasher { get; }

    /// <summary>
    /// Opens the journal, or begins to: while another process owns it, or the disk or database is away,
    /// <see cref="Status"/> says so.
    /// </summary>
    /// <exception cref="InvalidJournalException">It will never open: corrupt, of a newer version, or encrypted with
    /// another key.</exception>
    Task StartAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Completes when the journal turns out to be unusable after <see cref="StartAsync"/> has returned: the process
    /// should end.
    /// </summary>
    Task<InvalidJournalException> Invalid => Never;

    /// <summary>
    /// Waits until the journal is open, then reads what an earlier process left unsettled, oldest first, a page at a
    /// time.
    /// </summary>
    /// <remarks>
    /// A journal that another process had in between has more to give: <see cref="JournalStatus.Backlog"/> rises again.
    /// </remarks>
    IAsyncEnumerable<UnsettledRequest> ReadUnsettledAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Keeps <paramref name="request"/>, unless <paramref name="idempotency"/> names one that is kept already.
    /// </summary>
    ValueTask<AcceptResult> AcceptAsync(
        ChargingRequest request,
        IdempotencyClaim? idempotency,
        CancellationToken cancellationToken
    );

    /// <summary>
    /// What <see cref="AcceptAsync"/> would answer to <paramref name="claim"/> because of a request that is kept
    /// already; null when there is none.
    /// </summary>
    /// <remarks>In turn with the writes: one whose commit is in doubt is never told of.</remarks>
    ValueTask<AcceptResult?> FindAcceptedAsync(IdempotencyClaim claim, CancellationToken cancellationToken);

    /// <summary>Keeps <paramref name="decision"/> if there is none yet.</summary>
    /// <returns>The decision that stands: the stored one wins over a later one.</returns>
    ValueTask<Decision> DecideAsync(RequestId id, Decision decision, CancellationToken cancellationToken);

    /// <summary>Keeps a failed attempt that will be followed by another.</summary>
    ValueTask RecordAttemptAsync(RequestId id, CallbackAttempt attempt, CancellationToken cancellationToken);

    /// <summary>Keeps how the request ended; does nothing when it is settled already.</summary>
    ValueTask SettleAsync(RequestId id, Settlement settlement, CancellationToken cancellationToken);

    /// <summary>What is known about a request; null when it never was, or is past retention.</summary>
    ValueTask<RequestRecord?> FindAsync(RequestId id, CancellationToken cancellationToken);
}

/// <summary>What became of an attempt to accept.</summary>
internal enum AcceptOutcome
{
    /// <summary>Kept now.</summary>
    Accepted,

    /// <summary>The same request was kept before, under the id of the result.</summary>
    Replayed,

    /// <summary>The idempotency key was used with other field values.</summary>
    Conflict,
}

/// <summary>What became of an attempt to accept, and the id under which the request is kept.</summary>
/// <param name="Lane">Of the cluster, that a request kept now belongs to; zero without one.</param>
internal readonly record struct AcceptResult(AcceptOutcome Outcome, RequestId Id, int Lane = 0);

/// <summary>
/// An <c>Idempotency-Key</c>, scoped to its API key, and what it was used with; both as keyed hashes, in hexadecimal
/// digits.
/// </summary>
internal sealed record IdempotencyClaim(string KeyHash, string BodyHash)
{
    /// <summary>How long a key is remembered.</summary>
    public static readonly TimeSpan Retention = TimeSpan.FromHours(24);
}

/// <summary>An idempotency key that is kept: the request that was accepted with it, and its field values.</summary>
internal readonly record struct KeptClaim(RequestId Id, string BodyHash)
{
    /// <summary>The answer to <paramref name="claim"/>, which has the same key.</summary>
    /// <param name="id">The request that claims it; default when it is only looked up.</param>
    public AcceptResult Answer(IdempotencyClaim claim, RequestId id = default) =>
        Id == id ? new(AcceptOutcome.Accepted, id)
        : string.Equals(BodyHash, claim.BodyHash, StringComparison.Ordinal) ? new(AcceptOutcome.Replayed, Id)
        : new(AcceptOutcome.Conflict, Id);
}

/// <summary>Whether writes go through, for health.</summary>
/// <param name="Kind"><c>sqlite</c>, <c>postgres</c> or <c>memory</c>.</param>
/// <param name="Problem">Why not, without secrets; null when available.</param>
/// <param name="Backlog">Unsettled requests of an earlier process that were not read yet.</param>
/// <param name="Damaged">Unsettled requests that cannot be read, and stay in the journal.</param>
/// <param name="WasOpen">Whether it was open at any time since the start.</param>
/// <param name="EarlyDeletions">Settled requests that were deleted before <c>journal.retentionHours</c>.</param>
internal sealed record JournalStatus(
    string Kind,
    bool IsAvailable,
    string? Problem,
    long Backlog = 0,
    long Damaged = 0,
    bool WasOpen = true,
    EarlyCounts EarlyDeletions = default
);

/// <summary>The journal cannot be used by this process, now or later; the start is refused.</summary>
internal sealed class InvalidJournalException(string message, Exception? innerException = null)
    : Exception(message, innerException);

/// <summary>A write could not be made; nothing that was kept before is lost.</summary>
internal sealed class JournalUnavailableException(string message, Exception? innerException = null)
    : Exception(message, innerException);
