using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>Lists, redrives and discards the failed requests whose secrets a journal still keeps.</summary>
/// <remarks>
/// Errors: <see cref="JournalUnavailableException"/> when the journal is unavailable; nothing was changed then, or it
/// is undone, unless this process ends, or loses the journal or the request's lane, before it reaches the journal
/// again. A discard cannot be undone, and may have been made.
/// </remarks>
internal interface IDeadLetterStore
{
    /// <summary>Lists the next dead letters that match, newest first, without delaying writes.</summary>
    /// <param name="after">The end of the previous page; null for the first page.</param>
    /// <param name="most">Maximum number of letters, from 1 to <see cref="DeadLetterPage.LettersMax"/>.</param>
    ValueTask<DeadLetterPage> ListDeadLettersAsync(
        DeadLetterQuery query,
        DeadLetterCursor? after,
        int most,
        CancellationToken cancellationToken
    );

    /// <summary>Counts the dead letters that match.</summary>
    ValueTask<long> CountDeadLettersAsync(DeadLetterQuery query, CancellationToken cancellationToken);

    /// <summary>
    /// Turns a dead letter back into a decided request with no attempts made. Its lifetime starts again at
    /// <paramref name="at"/>, with its original length.
    /// </summary>
    /// <returns>
    /// The request to resume; of several concurrent callers only one gets it. If the process ends before the request is
    /// settled, <see cref="IRequestJournal.ReadUnsettledAsync"/> returns it to the next process.
    /// </returns>
    ValueTask<RedriveResult> RedriveAsync(RequestId id, DateTimeOffset at, CancellationToken cancellationToken);

    /// <summary>Erases the secrets of a dead letter: the request stays failed, but can no longer be redriven.</summary>
    ValueTask<DiscardOutcome> DiscardAsync(RequestId id, CancellationToken cancellationToken);
}

/// <summary>A journal with all of its ports over the same requests.</summary>
internal interface IJournal : IRequestJournal, IDeadLetterStore, IRequestSearch;
