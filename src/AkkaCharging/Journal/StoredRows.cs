using System.Data.Common;
using AkkaCharging.Journal.Encryption;
using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>
/// Reads rows of a request's table, whichever database they come from. The columns and their order stand beside what
/// reads them.
/// </summary>
internal static class StoredRows
{
    /// <summary>What <see cref="ToRecord"/> reads.</summary>
    public const string RecordColumns =
        "station, token_masked, api_key, state, status, reason, decided_at, accepted_at, settled_at, attempts, "
        + "expires_at, attempts_made";

    /// <summary>What <see cref="ToUnsettledRow"/> reads.</summary>
    public const string UnsettledColumns =
        "seq, id, station, secrets, api_key, accepted_at, expires_at, trace, status, reason, decided_at, "
        + "attempts_made, redriven_at";

    /// <summary>What <see cref="ToRedrive"/> reads.</summary>
    public const string RedriveColumns = UnsettledColumns + ", settled_at, attempts";

    /// <summary>What <see cref="ToDeadLetter"/> reads, after the id.</summary>
    public const string DeadLetterColumns =
        "id, station, token_masked, destination, attempts, status, accepted_at, settled_at";

    /// <summary>
    /// Which requests are dead letters: only those that failed keep their secrets when they are settled. Both columns
    /// change with the settlement alone.
    /// </summary>
    public const string IsDeadLetter = "settled_at IS NOT NULL AND secrets IS NOT NULL";

    /// <summary>What may be told about request <paramref name="id"/>.</summary>
    public static RequestRecord ToRecord(this DbDataReader row, RequestId id) =>
        new(
            id,
            row.GetString(0),
            row.GetString(1),
            row.TextOrNull(2),
            StoredNames.State(row.GetString(3)),
            row.DecisionOrNull(4),
            StoredNames.Time(row.GetInt64(7)),
            row.IsDBNull(8) ? null : StoredNames.Time(row.GetInt64(8)),
            StoredNames.Attempts(row.GetString(9)),
            StoredNames.Time(row.GetInt64(10)),
            row.GetInt32(11)
        );

    /// <summary>
    /// Request <paramref name="id"/> with its place, or what is wrong with its row. Each database has its own way of
    /// keeping an id.
    /// </summary>
    public static UnsettledRow ToUnsettledRow(
        this DbDataReader row,
        RequestId id,
        JournalSecrets secrets,
        JournalClock clock
    )
    {
        var seq = row.GetInt64(0);
        try
        {
            var unsettled = row.ToUnsettled(id, secrets);
            var since = unsettled.RedrivenAt ?? unsettled.Request.AcceptedAt;
            return new(seq, id, unsettled with { Age = clock.NowFor(since) - since }, Damage: null);
        }
        catch (Exception e) when (IsDamage(e))
        {
            return new(
                seq,
                id,
                Request: null,
                e is InvalidJournalException
                    ? e.Message
                    : $"A column does not hold what was written ({e.GetType().Name})."
            );
        }
    }

    /// <summary>Request <paramref name="id"/> as it is taken up again.</summary>
    private static UnsettledRequest ToUnsettled(this DbDataReader row, RequestId id, JournalSecrets secrets)
    {
        if (row.IsDBNull(3))
            throw new InvalidJournalException("The journal is damaged: driver token and callback URL are missing.");
        var (token, callback) = secrets.Open(id, row.GetFieldValue<byte[]>(3));
        var request = new ChargingRequest(
            id,
            StationId.TryCreate(row.GetString(2))!,
            token,
            callback,
            StoredNames.Time(row.GetInt64(5)),
            StoredNames.Time(row.GetInt64(6)),
            row.TextOrNull(4),
            StoredNames.Trace(row.TextOrNull(7))
        );
        return new UnsettledRequest(
            request,
            row.DecisionOrNull(8),
            row.GetInt32(11),
            IsRedriven: !row.IsDBNull(12),
            RedrivenAt: row.IsDBNull(12) ? null : StoredNames.Time(row.GetInt64(12))
        );
    }

    /// <summary>
    /// Dead letter <paramref name="id"/> as it is taken up again from <paramref name="at"/> on, and how its row is
    /// changed for that.
    /// </summary>
    /// <returns>Null when its row is damaged.</returns>
    public static Redrive? ToRedrive(this DbDataReader row, RequestId id, JournalSecrets secrets, DateTimeOffset at)
    {
        try
        {
            return row.ReadRedrive(id, secrets, at);
        }
        catch (Exception e) when (IsDamage(e))
        {
            return null;
        }
    }

    private static Redrive ReadRedrive(this DbDataReader row, RequestId id, JournalSecrets secrets, DateTimeOffset at)
    {
        var failed = row.ToUnsettled(id, secrets);
        var request = failed.Request with { ExpiresAt = at + failed.Life };
        return new(
            new UnsettledRequest(request, failed.Decision, AttemptsMade: 0, IsRedriven: true, at),
            row.GetInt64(13),
            at.UtcTicks,
            StoredNames.NewestAttempts(row.GetString(14))
        );
    }

    /// <summary>Dead letter <paramref name="id"/> as it is listed.</summary>
    public static DeadLetter ToDeadLetter(this DbDataReader row, RequestId id)
    {
        var attempts = StoredNames.Attempts(row.GetString(4));
        return new(
            id,
            row.GetString(1),
            row.GetString(2),
            row.GetString(3),
            attempts.LastOrDefault(),
            attempts.Length,
            row.TextOrNull(5) is { } status ? StoredNames.Status(status) : null,
            StoredNames.Time(row.GetInt64(6)),
            StoredNames.Time(row.GetInt64(7))
        );
    }

    /// <summary>
    /// Whether <paramref name="e"/> says that a row's content is not as it was written, so that the rows beside it may
    /// be well.
    /// </summary>
    private static bool IsDamage(Exception e) =>
        e
            is InvalidJournalException
                or InvalidCastException
                or FormatException
                or KeyNotFoundException
                or ArgumentException;

    public static string? TextOrNull(this DbDataReader row, int column) =>
        row.IsDBNull(column) ? null : row.GetString(column);

    private static Decision? DecisionOrNull(this DbDataReader row, int column) =>
        row.IsDBNull(column)
            ? null
            : StoredNames.Decision(row.GetString(column), row.GetString(column + 1), row.GetInt64(column + 2));
}

/// <summary>A row of an unsettled request.</summary>
/// <param name="Request">Null when it cannot be read.</param>
/// <param name="Damage">Why; null when it can.</param>
internal readonly record struct UnsettledRow(long Seq, RequestId Id, UnsettledRequest? Request, string? Damage);

/// <summary>A dead letter as its redrive makes it; times in ticks.</summary>
/// <param name="SettledAt">When it had failed: tells that nobody changed it since it was read.</param>
/// <param name="Attempts">Those that stay visible.</param>
internal sealed record Redrive(UnsettledRequest Request, long SettledAt, long At, string Attempts)
{
    /// <summary>The end of its new age.</summary>
    public long ExpiresAt => Request.Request.ExpiresAt.UtcTicks;
}
