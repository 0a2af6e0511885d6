using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>The queries of a <see cref="StoredJournal"/>; they run beside its writes.</summary>
/// <remarks>
/// Requests that settled at <c>oldest</c> or earlier are past retention: they do not exist any more, even if they were
/// not deleted yet. Errors: <see cref="JournalUnavailableException"/> when the database cannot be read.
/// </remarks>
internal interface IJournalReader
{
    /// <summary>Finds a request; null when there is none.</summary>
    /// <param name="secrets">Null while the journal is not open.</param>
    Task<RequestRecord?> FindAsync(RequestId id, JournalSecrets? secrets, DateTimeOffset oldest);

    /// <summary>Searches the next <paramref name="rows"/> requests, newest first.</summary>
    /// <param name="most">Matches to return at the most.</param>
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

    /// <summary>Reads a dead letter to redrive it from <paramref name="at"/> on.</summary>
    /// <returns>False when it is no dead letter; null as redrive when its row is damaged.</returns>
    Task<(bool IsFound, Redrive? Redrive)> FindDeadLetterAsync(
        RequestId id,
        JournalSecrets secrets,
        DateTimeOffset at,
        DateTimeOffset oldest
    );
}
