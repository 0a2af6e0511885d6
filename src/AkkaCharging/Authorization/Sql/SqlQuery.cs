using AkkaCharging.Files;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Sql;

/// <summary>The operator's query: one statement and the parameters it names.</summary>
/// <param name="Text">The statement as in its file, without a semicolon at the end.</param>
/// <param name="Parameters">The distinct names of the parameters, without <c>@</c>.</param>
internal sealed record SqlQuery(string Text, IReadOnlyList<string> Parameters)
{
    /// <summary>The parameter that holds the driver's identifier.</summary>
    public const string Token = "token";

    /// <summary>The parameter that holds the type that the token names; null when it names none.</summary>
    public const string Type = "type";

    /// <summary>The parameter that holds the station's UUID, as a text.</summary>
    public const string Station = "station";

    /// <summary>
    /// The parameter that holds the operator's own id of the station; null when the station has none.
    /// </summary>
    public const string ExternalId = "external_id";

    /// <summary>The parameter that holds the time of the question, in UTC.</summary>
    public const string Now = "now";

    private const int CharsMax = 65_536;
    private static readonly string[] Known = [Token, Type, Station, ExternalId, Now];

    /// <summary>Reads a query file.</summary>
    /// <exception cref="InvalidSettingsException">The file is missing or contains no usable query.</exception>
    public static SqlQuery Read(string path, SqlKind kind)
    {
        string? text;
        try
        {
            text = RegularFile.ReadText(path, CharsMax);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable(path, ShownValue.Reason(e, path));
        }

        return text is null
            ? throw Unusable(path, $"it is longer than {CharsMax} characters.")
            : Parse(text, kind, problem => Unusable(path, problem));
    }

    private static SqlQuery Parse(string text, SqlKind kind, Func<string, Exception> unusable)
    {
        var parameters = new List<string>();
        var end = -1; // of the statement, if a semicolon ends it
        var isEmpty = true;
        foreach (var (lexeme, start, length) in SqlLexer.Read(text, kind))
        {
            if (end >= 0)
                throw unusable("it contains several statements; expected one.");
            if (lexeme == SqlLexeme.Semicolon)
                end = start;
            else
                isEmpty = false;
            if (lexeme != SqlLexeme.Parameter)
                continue;
            var name = text.Substring(start + 1, length - 1);
            if (!Known.Contains(name, StringComparer.Ordinal))
                throw unusable(
                    $"it names the unknown parameter @{ShownValue.Of(name)}; "
                        + $"expected {string.Join(", ", Known.Select(known => $"@{known}"))}."
                );
            if (!parameters.Contains(name, StringComparer.Ordinal))
                parameters.Add(name);
        }

        if (isEmpty)
            throw unusable("it contains no statement.");
        // Without the token every driver would get the same answer.
        if (!parameters.Contains(Token, StringComparer.Ordinal))
            throw unusable("its query does not name the parameter @token.");
        return new SqlQuery(end >= 0 ? text[..end] : text, parameters);
    }

    private static InvalidSettingsException Unusable(string path, string problem) =>
        new([$"authorization.sql.queryFile = '{ShownValue.OfFile(path)}' cannot be used: {problem}"]);
}
