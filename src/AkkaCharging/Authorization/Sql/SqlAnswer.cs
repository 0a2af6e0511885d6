using System.Data.Common;
using System.Globalization;
using AkkaCharging.Requests;

namespace AkkaCharging.Authorization.Sql;

/// <summary>Reads an answer from the rows that the operator's query returned.</summary>
/// <remarks>
/// Errors: columns, rows and values that break the contract of <c>docs/sql.md</c> throw a
/// <see cref="SqlFailureException"/>, so that a result that is not understood does not permit charging.
/// </remarks>
internal static class SqlAnswer
{
    private const string Decision = "decision";
    private const string ValidUntil = "valid_until";
    private const string GroupId = "group_id";
    private const string Party = "party";
    private const string Reference = "authorization_reference";
    private const string Info = "info";
    private static readonly string[] Columns = [Decision, ValidUntil, GroupId, Party, Reference, Info];

    /// <summary>Reads the only row; without a row the token is unknown.</summary>
    /// <param name="typeOf">Returns the type of a column, so that a wrong type shows without a row, as for the token of
    /// a check; null for a column without a type.</param>
    public static async Task<AuthorizerAnswer> ReadAsync(
        DbDataReader reader,
        Func<DbDataReader, int, Type?> typeOf,
        CancellationToken cancellationToken
    )
    {
        var columns = ColumnsOf(reader);
        foreach (var (column, ordinal) in columns)
            Check(column, typeOf(reader, ordinal));
        if (!await reader.ReadAsync(cancellationToken))
            return AuthorizerAnswer.Deny(DenialReason.UnknownToken);
        var answer = AnswerOf(TextOf(Decision));
        var details = new AuthorizationDetails
        {
            ValidUntil = ValueOf(ValidUntil) is { } until ? TimeOf(until) : null,
            Group = TextOf(GroupId),
            Party = TextOf(Party),
            AuthorizationReference = TextOf(Reference),
            Text = TextOf(Info),
        };
        return await reader.ReadAsync(cancellationToken)
            ? throw SqlFailureException.Refused("returned several rows; expected one or none")
            : answer.With(details);

        string? TextOf(string column) => ValueOf(column) is { } value ? SqlAnswer.TextOf(column, value) : null;

        object? ValueOf(string column)
        {
            if (!columns.TryGetValue(column, out var ordinal))
                return null;
            try
            {
                return reader.GetValue(ordinal);
            }
#pragma warning disable CA1031 // The row is in memory: the driver cannot convert the value, such as a zero date.
            catch (Exception)
#pragma warning restore CA1031
            {
                throw SqlFailureException.Misconfigured(
                    $"returned a value in the column {column} that the driver cannot read; cast it to text"
                );
            }
        }
    }

    private static Dictionary<string, int> ColumnsOf(DbDataReader reader)
    {
        var columns = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        for (var ordinal = 0; ordinal < reader.FieldCount; ordinal++)
        {
            var name = reader.GetName(ordinal);
            if (!Columns.Contains(name, StringComparer.OrdinalIgnoreCase))
                throw SqlFailureException.Misconfigured(
                    $"returned an unknown column (number {ordinal + 1} in the query); "
                        + $"expected {string.Join(", ", Columns)}"
                );
            if (!columns.TryAdd(name, ordinal))
                throw SqlFailureException.Misconfigured($"returned the column {name} twice");
        }

        return columns.ContainsKey(Decision)
            ? columns
            : throw SqlFailureException.Misconfigured($"returned no column {Decision}");
    }

    private static void Check(string column, Type? type)
    {
        if (type is null)
            return;
        if (column.Equals(ValidUntil, StringComparison.OrdinalIgnoreCase))
        {
            if (!IsTime(type))
                throw NoTime();
        }
        else if (!IsText(type))
        {
            throw NoText(column);
        }
    }

    private static AuthorizerAnswer AnswerOf(string? decision) =>
        decision switch
        {
            "allowed" => AuthorizerAnswer.Allow(),
            "not_in_acl" => AuthorizerAnswer.Deny(DenialReason.UnknownToken),
            "blocked" => AuthorizerAnswer.Deny(DenialReason.Blocked),
            "expired" => AuthorizerAnswer.Deny(DenialReason.Expired),
            "station_not_allowed" => AuthorizerAnswer.Deny(DenialReason.StationNotAllowed),
            "no_credit" => AuthorizerAnswer.Deny(DenialReason.NoCredit),
            "concurrent_session" => AuthorizerAnswer.Deny(DenialReason.ConcurrentSession),
            _ => throw SqlFailureException.Misconfigured(
                $"returned a value in the column {Decision} that is neither allowed nor a reason of not_allowed"
            ),
        };

    private static string? TextOf(string column, object value) =>
        value switch
        {
            DBNull => null,
            decimal { Scale: > 0 } => throw NoText(column),
            _ when IsText(value.GetType()) => Convert.ToString(value, CultureInfo.InvariantCulture),
            _ => throw NoText(column),
        };

    /// <summary>Checks for texts, and for what has one obvious text: integers, and a decimal without places.</summary>
    private static bool IsText(Type type) =>
        type == typeof(string)
        || type == typeof(Guid)
        || type == typeof(decimal)
        || Type.GetTypeCode(type) is >= TypeCode.SByte and <= TypeCode.UInt64;

    private static bool IsTime(Type type) =>
        type == typeof(DateTime)
        || type == typeof(DateTimeOffset)
        || type == typeof(DateOnly)
        || type == typeof(string);

    private static SqlFailureException NoText(string column) =>
        SqlFailureException.Misconfigured(
            $"returned a value other than a text in the column {column}; cast it to text"
        );

    private static SqlFailureException NoTime() =>
        SqlFailureException.Misconfigured($"returned a value other than a time in the column {ValidUntil}");

    /// <summary>Converts a value to a time. A time without an offset is in UTC, as the session is.</summary>
    private static DateTimeOffset? TimeOf(object value) =>
        value switch
        {
            DBNull => null,
            DateTimeOffset time => time,
            DateTime { Kind: DateTimeKind.Local } time => new DateTimeOffset(time),
            DateTime time => new DateTimeOffset(DateTime.SpecifyKind(time, DateTimeKind.Utc)),
            DateOnly date => new DateTimeOffset(date, TimeOnly.MinValue, TimeSpan.Zero),
            string text
                when DateTimeOffset.TryParse(
                    text,
                    CultureInfo.InvariantCulture,
                    DateTimeStyles.AssumeUniversal,
                    out var time
                ) => time,
            _ => throw NoTime(),
        };
}
