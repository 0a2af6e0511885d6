using System.Data.Common;
using AkkaCharging.Authorization;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>Reads rows of a request's table, whichever database they come from. The columns and their order stand beside what reads them.</summary>
internal static class StoredRows
{
    /// <summary>What <see cref="ToRecord"/> reads.</summary>
    public const string RecordColumns = "station, token_masked, api_key, state, status, reason, decided_at, accepted_at, settled_at, attempts";

    /// <summary>What <see cref="ToUnsettled"/> reads.</summary>
    public const string UnsettledColumns =
        "seq, id, station, secrets, api_key, accepted_at, expires_at, trace, status, reason, decided_at, attempts_made";

    /// <summary>What may be told about request <paramref name="id"/>.</summary>
    public static RequestRecord ToRecord(this DbDataReader row, RequestId id) => new(
        id,
        row.GetString(0),
        row.GetString(1),
        row.TextOrNull(2),
        StoredNames.State(row.GetString(3)),
        row.DecisionOrNull(4),
        StoredNames.Time(row.GetInt64(7)),
        row.IsDBNull(8) ? null : StoredNames.Time(row.GetInt64(8)),
        StoredNames.Attempts(row.GetString(9)));

    /// <summary>Request <paramref name="id"/> as it is taken up again, with its place. Each database has its own way of keeping an id.</summary>
    public static (long Seq, UnsettledRequest Request) ToUnsettled(this DbDataReader row, RequestId id, JournalSecrets secrets)
    {
        var (token, callback) = secrets.Open(id, row.GetFieldValue<byte[]>(3));
        var request = new ChargingRequest(
            id,
            StationId.TryCreate(row.GetString(2))!,
            token,
            callback,
            StoredNames.Time(row.GetInt64(5)),
            StoredNames.Time(row.GetInt64(6)),
            row.TextOrNull(4),
            StoredNames.Trace(row.TextOrNull(7)));
        return (row.GetInt64(0), new UnsettledRequest(request, row.DecisionOrNull(8), row.GetInt32(11)));
    }

    public static string? TextOrNull(this DbDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static Decision? DecisionOrNull(this DbDataReader row, int column) => row.IsDBNull(column)
        ? null
        : StoredNames.Decision(row.GetString(column), row.GetString(column + 1), row.GetInt64(column + 2));
}
