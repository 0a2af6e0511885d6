using System.Data;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;
using Npgsql;

namespace AkkaCharging.Journal.Postgres;

/// <summary>Finds requests by the criteria of operators and auditors.</summary>
internal static class PostgresSearch
{
    /// <summary>Finds a request; null when there is none.</summary>
    /// <param name="secrets">The journal's secrets; null leaves out the details of the decision.</param>
    /// <param name="oldest">Requests that settled until then, in ticks, are past retention and not found; 0 finds them
    /// too.</param>
    /// <exception cref="DamagedRequestException">Its row cannot be read.</exception>
    public static async Task<RequestRecord?> FindAsync(
        NpgsqlConnection connection,
        RequestId id,
        JournalSecrets? secrets,
        long oldest
    )
    {
        var found = await connection.AllAsync(
            row => row.FindRecord(id, secrets),
            $"SELECT {StoredRows.RecordColumns} FROM charging_request WHERE id = $1 AND (settled_at IS NULL "
                + "OR settled_at > $2)",
            id.Value,
            oldest
        );
        return found.SingleOrDefault();
    }

    /// <summary>Finds the newest <paramref name="most"/> matches, newest first.</summary>
    /// <param name="from">Smallest id that a match may have.</param>
    /// <param name="before">The id before which every match lies.</param>
    /// <param name="oldest">Requests that settled until then, in ticks, are past retention and not found; 0 finds them
    /// too.</param>
    public static Task<List<ListedRow<RequestRecord>>> FindAsync(
        NpgsqlConnection connection,
        RequestQuery query,
        RequestId from,
        RequestId before,
        int most,
        long oldest
    ) =>
        connection.AllAsync(
            row => row.TryRead(new(row.GetGuid("id")), (found, id) => found.ToRecord(id, secrets: null)),
            $"""
            SELECT id, {StoredRows.RecordColumns} FROM charging_request
            WHERE id >= $1 AND id < $2 AND accepted_at >= $3 AND accepted_at < $4
                AND ($5::text IS NULL OR lower(station) = lower($5::text))
                AND ($6::bytea IS NULL OR token_fingerprint = $6::bytea)
                AND ($7::text IS NULL OR destination = $7::text) AND ($8::text IS NULL OR state = $8::text)
                AND ($9::text IS NULL OR attempts LIKE $9::text)
                AND (settled_at IS NULL OR settled_at > $10)
            ORDER BY id DESC LIMIT $11
            """,
            from.Value,
            before.Value,
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

    /// <summary>Finds the smallest id of the <paramref name="rows"/> requests before <paramref name="before"/>; null
    /// when there are fewer.</summary>
    public static async Task<RequestId?> FloorAsync(NpgsqlConnection connection, RequestId before, int rows)
    {
        var floor = await connection.AllAsync(
            row => new RequestId(row.GetGuid("id")),
            "SELECT id FROM charging_request WHERE id < $1 ORDER BY id DESC LIMIT 1 OFFSET $2",
            before.Value,
            rows - 1
        );
        return floor.Count == 0 ? null : floor[0];
    }
}
