using System.Data;
using System.Data.Common;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>Reads rows of the table of requests by column name, from either database.</summary>
/// <remarks>The caller reads the id, because each database has its own type for it.</remarks>
internal static class StoredRows
{
    /// <summary>The columns that <see cref="ToRecord"/> reads, besides the id.</summary>
    public const string RecordColumns =
        "station, token_masked, api_key, state, status, reason, exact_reason, decided_at, details, accepted_at, "
        + "settled_at, attempts, expires_at, attempts_made, token_fingerprint, destination";

    /// <summary>Columns that <see cref="ToUnsettledRow"/> reads.</summary>
    public const string UnsettledColumns =
        "seq, id, station, secrets, api_key, accepted_at, expires_at, trace, status, reason, exact_reason, "
        + "decided_at, details, attempts_made, redriven_at";

    /// <summary>Columns that <see cref="ToRedrive"/> reads.</summary>
    public const string RedriveColumns = UnsettledColumns + ", settled_at, attempts";

    /// <summary>Columns that <see cref="ToDeadLetter"/> reads, after the id.</summary>
    public const string DeadLetterColumns =
        "id, station, token_masked, destination, attempts, status, accepted_at, settled_at, expires_at";

    /// <summary>Columns that <see cref="TryToDecision"/> reads.</summary>
    public const string DecisionColumns = "id, status, reason, exact_reason, decided_at, details";

    /// <summary>
    /// The SQL condition of a dead letter: only failed requests keep their secrets when they settle. Both columns
    /// change with the settlement only.
    /// </summary>
    public const string IsDeadLetter = "settled_at IS NOT NULL AND secrets IS NOT NULL";

    /// <summary>Reads the record of request <paramref name="id"/>, which contains no secret.</summary>
    /// <param name="secrets">The journal's secrets; null leaves out the encrypted details of the decision.</param>
    public static RequestRecord ToRecord(this DbDataReader row, RequestId id, JournalSecrets? secrets) =>
        new(
            id,
            StationId: row.GetString("station"),
            DriverTokenMasked: row.GetString("token_masked"),
            ApiKeyName: row.TextOrNull("api_key"),
            State: StoredNames.State(row.GetString("state")),
            Decision: row.DecisionOrNull(row.DetailsOrNull(id, secrets)),
            AcceptedAt: row.Time("accepted_at"),
            SettledAt: row.TimeOrNull("settled_at"),
            Attempts: StoredNames.Attempts(row.GetString("attempts")),
            ExpiresAt: row.Time("expires_at"),
            AttemptsMade: row.GetInt32("attempts_made"),
            TokenFingerprint: row.GetFieldValue<byte[]>("token_fingerprint"),
            Destination: row.GetString("destination")
        );

    /// <summary>Reads the record of request <paramref name="id"/>, which was looked up by itself.</summary>
    /// <exception cref="DamagedRequestException">The row cannot be read.</exception>
    /// <inheritdoc cref="ToRecord"/>
    public static RequestRecord FindRecord(this DbDataReader row, RequestId id, JournalSecrets? secrets)
    {
        var read = row.TryRead(id, (found, foundId) => found.ToRecord(foundId, secrets));
        return read.Row ?? throw new DamagedRequestException(new(id, read.Damage!), row.TextOrNull("api_key"));
    }

    /// <summary>Reads unsettled request <paramref name="id"/>, or why its row cannot be read.</summary>
    public static UnsettledRow ToUnsettledRow(
        this DbDataReader row,
        RequestId id,
        RowPlace place,
        JournalSecrets secrets,
        JournalClock clock
    )
    {
        var read = row.TryRead(
            id,
            (found, unsettledId) =>
            {
                var unsettled = found.ToUnsettled(unsettledId, secrets);
                return unsettled with
                {
                    Since = clock.TimestampOf(unsettled.RedrivenAt ?? unsettled.Request.AcceptedAt),
                };
            }
        );
        return new(place, id, read.Row, read.Damage);
    }

    /// <summary>Reads dead letter <paramref name="id"/> to redrive it at <paramref name="at"/>.</summary>
    /// <returns>Null when its row is damaged.</returns>
    public static Redrive? ToRedrive(this DbDataReader row, RequestId id, JournalSecrets secrets, DateTimeOffset at) =>
        row.TryRead(
            id,
            (found, failedId) =>
            {
                var failed = found.ToUnsettled(failedId, secrets);
                var request = failed.Request with { ExpiresAt = at + failed.Life };
                return new Redrive(
                    new UnsettledRequest(request, failed.Decision, AttemptsMade: 0, IsRedriven: true, at),
                    SettledAt: found.GetInt64("settled_at"),
                    At: at.UtcTicks,
                    Attempts: StoredNames.NewestAttempts(found.GetString("attempts"))
                );
            }
        ).Row;

    /// <summary>Reads row <paramref name="id"/>, or why it cannot be read.</summary>
    public static ListedRow<T> TryRead<T>(this DbDataReader row, RequestId id, Func<DbDataReader, RequestId, T> read)
        where T : class
    {
        try
        {
            return new(id, read(row, id), Damage: null);
        }
        catch (Exception e) when (IsDamage(e))
        {
            var damage =
                e is InvalidJournalException
                    ? e.Message
                    : $"A column contains an unexpected value ({e.GetType().Name}).";
            return new(id, Row: null, damage);
        }
    }

    /// <summary>Reads dead letter <paramref name="id"/> for a list.</summary>
    public static DeadLetter ToDeadLetter(this DbDataReader row, RequestId id)
    {
        var attempts = StoredNames.Attempts(row.GetString("attempts"));
        return new(
            id,
            StationId: row.GetString("station"),
            DriverTokenMasked: row.GetString("token_masked"),
            Destination: row.GetString("destination"),
            LastAttempt: attempts.LastOrDefault(),
            Attempts: attempts.Length,
            Status: row.TextOrNull("status") is { } status ? StoredNames.Status(status) : null,
            AcceptedAt: row.Time("accepted_at"),
            SettledAt: row.Time("settled_at"),
            ExpiresAt: row.Time("expires_at")
        );
    }

    /// <summary>Reads the decision of request <paramref name="id"/>; null when it is damaged.</summary>
    public static Decision? TryToDecision(this DbDataReader row, RequestId id, JournalSecrets secrets) =>
        row.TryRead(id, (found, decided) => found.DecisionOrNull(found.DetailsOrNull(decided, secrets))!).Row;

    /// <summary>Reads a text that may be null.</summary>
    public static string? TextOrNull(this DbDataReader row, string column) =>
        row.IsDBNull(column) ? null : row.GetString(column);

    /// <summary>Reads a time that may be null.</summary>
    public static DateTimeOffset? TimeOrNull(this DbDataReader row, string column) =>
        row.IsDBNull(column) ? null : row.Time(column);

    private static UnsettledRequest ToUnsettled(this DbDataReader row, RequestId id, JournalSecrets secrets)
    {
        if (row.IsDBNull("secrets"))
            throw new InvalidJournalException("The journal is damaged: driver token and callback URL are missing.");
        var (token, callback, format) = secrets.Open(id, row.GetFieldValue<byte[]>("secrets"));
        var request = new ChargingRequest(
            id,
            StationId.TryCreate(row.GetString("station"))
                ?? throw new InvalidJournalException("The journal is damaged: the station is not a UUID."),
            token,
            callback,
            AcceptedAt: row.Time("accepted_at"),
            ExpiresAt: row.Time("expires_at"),
            ApiKeyName: row.TextOrNull("api_key"),
            Trace: StoredNames.Trace(row.TextOrNull("trace")),
            Format: format
        );
        var redrivenAt = row.TimeOrNull("redriven_at");
        return new(
            request,
            row.DecisionOrNull(row.DetailsOrNull(id, secrets)),
            row.GetInt32("attempts_made"),
            IsRedriven: redrivenAt is not null,
            redrivenAt
        );
    }

    private static Decision? DecisionOrNull(this DbDataReader row, AuthorizationDetails? details) =>
        row.IsDBNull("status")
            ? null
            : StoredNames.Decision(
                row.GetString("status"),
                row.TextOrNull("exact_reason") ?? row.GetString("reason"),
                row.GetInt64("decided_at"),
                details
            );

    private static AuthorizationDetails? DetailsOrNull(this DbDataReader row, RequestId id, JournalSecrets? secrets) =>
        secrets is null || row.IsDBNull("details")
            ? null
            : secrets.OpenDetails(id, row.GetFieldValue<byte[]>("details"));

    private static DateTimeOffset Time(this DbDataReader row, string column) => StoredNames.Time(row.GetInt64(column));

    /// <summary>
    /// Checks whether <paramref name="e"/> means that a single row is damaged, so that other rows can still be read.
    /// </summary>
    public static bool IsDamage(Exception e) =>
        e
            is InvalidJournalException
                or InvalidCastException
                or InvalidOperationException // SQLite's driver, for a null where there should be none
                or FormatException
                or OverflowException
                or IndexOutOfRangeException
                or KeyNotFoundException
                or ArgumentException;
}

/// <summary>A place in the order in which unsettled requests are read: by lane, then in order of acceptance.</summary>
/// <param name="Lane">The lane; zero where there are no lanes.</param>
internal readonly record struct RowPlace(short Lane, long Seq);

/// <summary>A row of an unsettled request, read or damaged.</summary>
/// <param name="Request">The request; null when the row cannot be read.</param>
/// <param name="Damage">Why the row cannot be read; null when it can.</param>
internal readonly record struct UnsettledRow(RowPlace Place, RequestId Id, UnsettledRequest? Request, string? Damage);

/// <summary>A row of a list, read or damaged.</summary>
/// <param name="Row">What was read; null when the row cannot be read.</param>
/// <param name="Damage">Why the row cannot be read; null when it can.</param>
internal readonly record struct ListedRow<T>(RequestId Id, T? Row, string? Damage)
    where T : class;

/// <summary>A row that a list leaves out, because it cannot be read.</summary>
internal readonly record struct DamagedRow(RequestId Id, string Damage);

/// <summary>The row of a request that was looked up cannot be read; others can.</summary>
/// <param name="apiKeyName">Name of the API key that submitted the request; null without keys.</param>
internal sealed class DamagedRequestException(DamagedRow row, string? apiKeyName)
    : Exception($"{row.Id} cannot be read: {row.Damage}")
{
    public DamagedRow Row => row;

    public string? ApiKeyName => apiKeyName;
}

/// <summary>Separates what was read from what is damaged.</summary>
internal static class ListedRows
{
    public static List<T> Readable<T>(this IEnumerable<ListedRow<T>> rows)
        where T : class => [.. rows.Select(row => row.Row).OfType<T>()];

    public static List<DamagedRow> Damaged<T>(this IEnumerable<ListedRow<T>> rows)
        where T : class =>
        [.. rows.Where(row => row.Damage is not null).Select(row => new DamagedRow(row.Id, row.Damage!))];
}

/// <summary>A dead letter and the changes of its row that redrive it; times in ticks.</summary>
/// <param name="SettledAt"><c>settled_at</c> as read; the update applies only while it is unchanged.</param>
/// <param name="Attempts">The attempts that are kept.</param>
internal sealed record Redrive(UnsettledRequest Request, long SettledAt, long At, string Attempts)
{
    /// <summary>The end of the request's new lifetime, in ticks.</summary>
    public long ExpiresAt => Request.Request.ExpiresAt.UtcTicks;
}
