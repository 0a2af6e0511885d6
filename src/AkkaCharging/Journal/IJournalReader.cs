using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>The queries of a <see cref="StoredJournal"/>, which run concurrently with its writes.</summary>
/// <remarks>
/// Requests that settled at <c>oldest</c> or earlier are past retention and treated as deleted, even if they are still
/// stored. Errors: <see cref="JournalUnavailableException"/> when the database cannot be read.
/// </remarks>
internal interface IJournalReader
{
    /// <summary>
    /// Returns a reader for the questions of one caller, which need not be answered once <paramref name="left"/> is
    /// cancelled.
    /// </summary>
    IJournalReader Until(CancellationToken left) => this;

    /// <summary>Finds a request; null when there is none.</summary>
    /// <param name="secrets">The journal's secrets; null while it is not open.</param>
    /// <exception cref="DamagedRequestException">Its row cannot be read.</exception>
    Task<RequestRecord?> FindAsync(RequestId id, JournalSecrets? secrets, DateTimeOffset oldest);

    /// <summary>Searches the next <paramref name="rows"/> requests, newest first.</summary>
    /// <param name="most">Maximum number of matches to return.</param>
    Task<RequestPage> SearchAsync(RequestQuery query, RequestId before, int rows, int most, DateTimeOffset oldest);

    /// <summary>Lists the next dead letters that match, newest first.</summary>
    Task<DeadLetterPage> ListDeadLettersAsync(
        DeadLetterQuery query,
        DeadLetterCursor? after,
        int most,
        DateTimeOffset oldest
    );

    /// <summary>Counts the dead letters that match.</summary>
    Task<long> CountDeadLettersAsync(DeadLetterQuery query, DateTimeOffset oldest);

    /// <summary>Reads a dead letter to redrive it at <paramref name="at"/>.</summary>
    /// <returns>IsFound is false when there is no such dead letter; Redrive is null when its row is damaged.</returns>
    Task<(bool IsFound, Redrive? Redrive)> FindDeadLetterAsync(
        RequestId id,
        JournalSecrets secrets,
        DateTimeOffset at,
        DateTimeOffset oldest
    );
}
