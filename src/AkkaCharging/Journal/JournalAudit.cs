using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>
/// Reads a journal's decision records, whether or not a process owns the journal: takes no lock and changes nothing.
/// </summary>
/// <remarks>
/// Errors: <see cref="JournalUnavailableException"/> when the journal cannot be read,
/// <see cref="InvalidJournalException"/> when it is not a journal, of another version, or encrypted with another key.
/// </remarks>
internal interface IJournalAudit : IAsyncDisposable
{
    /// <summary>
    /// Returns the keyed fingerprint of a driver token in this journal. Only this method needs the journal's keys.
    /// </summary>
    Task<byte[]> FingerprintAsync(DriverToken token);

    /// <summary>Finds a request; null when there is none.</summary>
    /// <exception cref="DamagedRequestException">Its row cannot be read.</exception>
    Task<RequestRecord?> FindAsync(RequestId id);

    /// <summary>Reads the newest records that match, newest first; a damaged one does not hide the others.</summary>
    /// <param name="before">The end of the previous page; null for the first page.</param>
    Task<List<ListedRow<RequestRecord>>> ReadPageAsync(RequestQuery query, RequestId? before, int rows);
}

/// <summary>Reads more than one page of an audit.</summary>
internal static class JournalAuditPages
{
    private const int PageRows = 1_000;

    /// <summary>Reads the newest <paramref name="limit"/> records that match, newest first.</summary>
    /// <param name="damaged">Called for each row that is left out, because it cannot be read.</param>
    /// <remarks>
    /// Reads page by page, so that a slow consumer neither fills the memory nor keeps the owner from truncating its
    /// log.
    /// </remarks>
    public static async IAsyncEnumerable<RequestRecord> ReadAsync(
        this IJournalAudit audit,
        RequestQuery query,
        long limit,
        Action<DamagedRow> damaged
    )
    {
        RequestId? before = null;
        for (var left = limit; left > 0; )
        {
            var rows = (int)Math.Min(left, PageRows);
            var page = await audit.ReadPageAsync(query, before, rows);
            foreach (var row in page.Damaged())
                damaged(row);
            foreach (var record in page.Readable())
                yield return record;
            if (page.Count < rows)
                yield break;
            left -= rows;
            before = page[^1].Id;
        }
    }
}
