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
    public static async Task<AuthorizerAnswer> ReadAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        var columns = ColumnsOf(reader);
        if (!await reader.ReadAsync(cancellationToken))
            return AuthorizerAnswer.Deny(DenialReason.UnknownToken);
        var answer = AnswerOf(TextOf(Decision));
        var details = new AuthorizationDetails
        {
            ValidUntil = columns.TryGetValue(ValidUntil, out var until) ? TimeOf(reader.GetValue(until)) : null,
            Group = TextOf(GroupId),
            Party = TextOf(Party),
            AuthorizationReference = TextOf(Reference),
            Text = TextOf(Info),
        };
        return await reader.ReadAsync(cancellationToken)
            ? throw SqlFailureException.Misconfigured("returned several rows; expected one or none")
            : answer.With(details);

        string? TextOf(string column) =>
            columns.TryGetValue(column, out var ordinal) ? SqlAnswer.TextOf(column, reader.GetValue(ordinal)) : null;
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
            string text => text,
            short or int or long or Guid => Convert.ToString(value, CultureInfo.InvariantCulture),
            _ => throw SqlFailureException.Misconfigured(
                "returned a value other than a text in the column " + $"{column}; cast it to text"
            ),
        };

    /// <summary>Converts a value to a time. A time without an offset is in UTC, as the session is.</summary>
    private static DateTimeOffset? TimeOf(object value) =>
        value switch
        {
            DBNull => null,
            DateTimeOffset time => time,
            DateTime { Kind: DateTimeKind.Local } time => new DateTimeOffset(time),
            DateTime time => new DateTimeOffset(DateTime.SpecifyKind(time, DateTimeKind.Utc)),
            string text
                when DateTimeOffset.TryParse(
                    text,
                    CultureInfo.InvariantCulture,
                    DateTimeStyles.AssumeUniversal,
                    out var time
                ) => time,
            _ => throw SqlFailureException.Misconfigured(
                "returned a value other than a time in the column " + $"{ValidUntil}"
            ),
        };
}
