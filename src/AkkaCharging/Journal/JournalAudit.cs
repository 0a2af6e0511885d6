using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>
/// Reads a journal's decision records beside its owner or without one: it takes no lock and changes nothing.
/// </summary>
/// <remarks>
/// Errors: <see cref="JournalUnavailableException"/> when the journal cannot be read,
/// <see cref="InvalidJournalException"/> when it is none, newer, or under another key.
/// </remarks>
internal interface IJournalAudit : IAsyncDisposable
{
    /// <summary>The keyed fingerprint of a driver token in this journal. It alone needs the journal's keys.</summary>
    Task<byte[]> FingerprintAsync(DriverToken token);

    /// <summary>Finds a request; null when there is none.</summary>
    Task<RequestRecord?> FindAsync(RequestId id);

    /// <summary>The newest records that match, newest first.</summary>
    /// <param name="before">Where the page before ended; null for the first page.</param>
    Task<List<RequestRecord>> ReadPageAsync(RequestQuery query, RequestId? before, int rows);
}

/// <summary>Reading more than a page.</summary>
internal static class JournalAuditPages
{
    private const int PageRows = 1_000;

    /// <summary>The newest <paramref name="limit"/> records that match, newest first.</summary>
    /// <remarks>
    /// A page at a time, so that a reader that dawdles neither fills the memory nor keeps the owner from tidying its
    /// log.
    /// </remarks>
    public static async IAsyncEnumerable<RequestRecord> ReadAsync(
        this IJournalAudit audit,
        RequestQuery query,
        long limit
    )
    {
        RequestId? before = null;
        for (var left = limit; left > 0; )
        {
            var rows = (int)Math.Min(left, PageRows);
            var page = await audit.ReadPageAsync(query, before, rows);
            foreach (var record in page)
                yield return record;
            if (page.Count < rows)
                yield break;
            left -= rows;
            before = page[^1].Id;
        }
    }
}
