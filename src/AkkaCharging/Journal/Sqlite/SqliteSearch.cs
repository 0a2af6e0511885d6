using System.Data;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Journal.Sqlite;

/// <summary>Finds requests by the criteria of operators and auditors.</summary>
internal static class SqliteSearch
{
    /// <summary>Finds a request; null when there is none.</summary>
    /// <param name="secrets">The journal's secrets; null leaves out the details of the decision.</param>
    /// <param name="oldest">Requests that settled until then, in ticks, are past retention and not found; 0 finds them
    /// too.</param>
    /// <exception cref="DamagedRequestException">Its row cannot be read.</exception>
    public static RequestRecord? Find(SqliteConnection connection, RequestId id, JournalSecrets? secrets, long oldest)
    {
        using var find = new PreparedQuery(
            connection,
            $"SELECT {StoredRows.RecordColumns} FROM request WHERE id = $0 AND (settled_at IS NULL OR settled_at > $1)"
        );
        return find.First(found => found.FindRecord(id, secrets), StoredId.Of(id), oldest);
    }

    /// <summary>Finds the newest <paramref name="most"/> matches, newest first.</summary>
    /// <param name="from">Smallest id that a match may have.</param>
    /// <param name="before">The id before which every match lies.</param>
    /// <param name="oldest">Requests that settled until then, in ticks, are past retention and not found; 0 finds them
    /// too.</param>
    public static List<ListedRow<RequestRecord>> Find(
        SqliteConnection connection,
        RequestQuery query,
        RequestId from,
        RequestId before,
        int most,
        long oldest
    )
    {
        using var find = new PreparedQuery(
            connection,
            $"""
            SELECT id, {StoredRows.RecordColumns} FROM request
            WHERE id >= $0 AND id < $1 AND accepted_at >= $2 AND accepted_at < $3
                AND ($4 IS NULL OR station = $4 COLLATE NOCASE) AND ($5 IS NULL OR token_fingerprint = $5)
                AND ($6 IS NULL OR destination = $6) AND ($7 IS NULL OR state = $7) AND ($8 IS NULL OR attempts LIKE $8)
                AND (settled_at IS NULL OR settled_at > $9) AND {StoredId.IsWhole}
            ORDER BY id DESC LIMIT $10
            """
        );
        return find.All(
            found =>
                found.TryRead(
                    StoredId.Read(found.GetFieldValue<byte[]>("id")),
                    (row, id) => row.ToRecord(id, secrets: null)
                ),
            StoredId.Of(from),
            StoredId.Of(before),
            query.FromTicks,
            query.ToTicks,
            query.Station?.Text,
            query.TokenFingerprint,
            query.Destination?.ToString(),
            query.State?.Name(),
            query.AttemptsLike,
            oldest,
            most
        );
    }

    /// <summary>Finds the smallest id of the <paramref name="rows"/> requests before <paramref name="before"/>; null
    /// when there are fewer.</summary>
    public static RequestId? Floor(SqliteConnection connection, RequestId before, int rows)
    {
        using var floor = new PreparedQuery(
            connection,
            $"SELECT id FROM request WHERE id < $0 AND {StoredId.IsWhole} ORDER BY id DESC LIMIT 1 OFFSET $1"
        );
        return floor.First(
            found => (RequestId?)StoredId.Read(found.GetFieldValue<byte[]>("id")),
            StoredId.Of(before),
            rows - 1
        );
    }
}
