using System.Buffers.Binary;
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

    /// <summary>The newest records that match, newest first.</summary>
    /// <param name="before">Where the page before ended; null for the first page.</param>
    Task<List<AuditRecord>> ReadPageAsync(AuditQuery query, RequestId? before, int rows);
}

/// <summary>Which decision records to read: those that match all that is given.</summary>
/// <param name="From">Accepted then or later.</param>
/// <param name="To">Accepted earlier.</param>
/// <remarks>
/// A request's id begins with the millisecond of its acceptance, so that the ids' index finds a time and gives the
/// order. Station and fingerprint have no index: each would cost every accepted request a page write at a random place,
/// to spare a rare command one reading of a million rows at the most.
/// </remarks>
internal sealed record AuditQuery(
    StationId? Station = null,
    byte[]? TokenFingerprint = null,
    DateTimeOffset? From = null,
    DateTimeOffset? To = null
)
{
    /// <summary>No id of a match is smaller.</summary>
    public RequestId FirstId => From is { } from ? SmallestId(from.ToUnixTimeMilliseconds()) : default;

    /// <summary>Every id of a match is smaller.</summary>
    public RequestId EndId => To is { } to ? SmallestId(to.ToUnixTimeMilliseconds() + 1) : new(Guid.AllBitsSet);

    /// <summary>Ticks that no match is earlier than.</summary>
    public long FromTicks => (From ?? DateTimeOffset.MinValue).UtcTicks;

    /// <summary>Ticks that every match is earlier than.</summary>
    public long ToTicks => To?.UtcTicks ?? long.MaxValue;

    private static RequestId SmallestId(long millis)
    {
        var bytes = new byte[16];
        BinaryPrimitives.WriteInt64BigEndian(bytes, Math.Max(millis, 0) << 16);
        return new(new Guid(bytes, bigEndian: true));
    }
}

/// <summary>What a journal tells auditors about a request: no driver token and no callback path.</summary>
/// <param name="Decision">Null while undecided, and for a request that expired before it was.</param>
internal sealed record AuditRecord(
    RequestId Id,
    string StationId,
    string DriverTokenMasked,
    byte[] TokenFingerprint,
    string? ApiKeyName,
    RequestState State,
    Decision? Decision,
    DateTimeOffset AcceptedAt,
    DateTimeOffset? SettledAt
);

/// <summary>Reading more than a page.</summary>
internal static class JournalAuditPages
{
    private const int PageRows = 1_000;

    /// <summary>The newest <paramref name="limit"/> records that match, newest first.</summary>
    /// <remarks>
    /// A page at a time, so that a reader that dawdles neither fills the memory nor keeps the owner from tidying its
    /// log.
    /// </remarks>
    public static async IAsyncEnumerable<AuditRecord> ReadAsync(this IJournalAudit audit, AuditQuery query, long limit)
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
