using System.Runtime.InteropServices;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Sql;

/// <summary>The kinds of pieces that <see cref="SqlLexer"/> distinguishes.</summary>
internal enum SqlLexeme
{
    /// <summary>Any other text that is neither blank nor comment.</summary>
    Other,

    /// <summary>A parameter: <c>@name</c>.</summary>
    Parameter,

    /// <summary>A semicolon, which ends a statement.</summary>
    Semicolon,
}

/// <summary>A piece of an SQL text.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct SqlPiece(SqlLexeme Lexeme, int Start, int Length);

/// <summary>
/// Finds the parameters and semicolons in an SQL text that lie outside of strings, quoted names and comments.
/// </summary>
/// <remarks>
/// Used only for clear messages at the start. The driver and the server parse the text again, and values never become
/// part of it.
/// </remarks>
internal static class SqlLexer
{
    /// <summary>Returns the pieces of <paramref name="text"/> in order, without blanks and comments.</summary>
    public static IEnumerable<SqlPiece> Read(string text, SqlKind kind)
    {
        var at = 0;
        while (at < text.Length)
        {
            var start = at;
            if (char.IsWhiteSpace(text[at]))
                at++;
            else if (CommentEnd(text, at, kind) is { } afterComment)
                at = afterComment;
            else if (QuoteEnd(text, at, kind) is { } afterQuote)
                yield return new(SqlLexeme.Other, start, (at = afterQuote) - start);
            else if (text[at] == ';')
                yield return new(SqlLexeme.Semicolon, at++, 1);
            else if (text[at] == '@' && IsNameStart(text, at + 1) && !(at > 0 && text[at - 1] == '@'))
                yield return new(SqlLexeme.Parameter, start, (at = NameEnd(text, at + 1)) - start);
            else if (IsNameStart(text, at)) // so that a$b$ does not open a dollar quote of PostgreSQL
                yield return new(SqlLexeme.Other, start, (at = NameEnd(text, at)) - start);
            else
                yield return new(SqlLexeme.Other, at++, 1);
        }
    }

    private static int? CommentEnd(string text, int at, SqlKind kind)
    {
        // MySQL reads -- as a comment only before a blank.
        var isLine =
            Has(text, at, "--") && (kind != SqlKind.MySql || at + 2 == text.Length || char.IsWhiteSpace(text[at + 2]))
            || (kind == SqlKind.MySql && text[at] == '#');
        if (isLine)
            return text.IndexOf('\n', at) is var end and >= 0 ? end + 1 : text.Length;
        if (!Has(text, at, "/*"))
            return null;
        var depth = 0;
        for (var i = at; i < text.Length; i++)
        {
            if (Has(text, i, "/*") && (depth == 0 || kind == SqlKind.Postgres)) // where comments nest
            {
                depth++;
                i++;
            }
            else if (Has(text, i, "*/"))
            {
                i++;
                if (--depth == 0)
                    return i + 1;
            }
        }

        return text.Length;
    }

    private static int? QuoteEnd(string text, int at, SqlKind kind) =>
        text[at] switch
        {
            '\'' => ClosedBy(text, at, kind == SqlKind.MySql || (kind == SqlKind.Postgres && IsEscapeString(text, at))),
            '"' => ClosedBy(text, at, kind == SqlKind.MySql),
            '`' when kind != SqlKind.Postgres => ClosedBy(text, at, hasBackslashes: false),
            '[' when kind == SqlKind.Sqlite => text.IndexOf(']', at) is var end and >= 0 ? end + 1 : text.Length,
            '$' when kind == SqlKind.Postgres => DollarQuoteEnd(text, at),
            _ => null,
        };

    /// <summary>
    /// Returns the position after the quoted text that opens at <paramref name="at"/>; a doubled quote does not close
    /// it.
    /// </summary>
    private static int ClosedBy(string text, int at, bool hasBackslashes)
    {
        var quote = text[at];
        for (var i = at + 1; i < text.Length; i++)
        {
            if (hasBackslashes && text[i] == '\\')
                i++;
            else if (text[i] == quote && i + 1 < text.Length && text[i + 1] == quote)
                i++;
            else if (text[i] == quote)
                return i + 1;
        }

        return text.Length;
    }

    /// <summary>Checks for an escape string of PostgreSQL: E'…'.</summary>
    private static bool IsEscapeString(string text, int at) =>
        at > 0 && text[at - 1] is 'e' or 'E' && (at == 1 || !IsNamePart(text[at - 2]));

    /// <summary>Returns the end of a dollar-quoted string of PostgreSQL: $$…$$ or $name$…$name$.</summary>
    private static int? DollarQuoteEnd(string text, int at)
    {
        var end = at + 1;
        if (IsNameStart(text, end))
            while (end < text.Length && text[end] != '$' && IsNamePart(text[end]))
                end++;
        if (end >= text.Length || text[end] != '$')
            return null;
        var mark = text[at..(end + 1)];
        return text.IndexOf(mark, end + 1, StringComparison.Ordinal) is var close and >= 0
            ? close + mark.Length
            : text.Length;
    }

    private static bool Has(string text, int at, string what) =>
        string.CompareOrdinal(text, at, what, 0, what.Length) == 0;

    private static bool IsNameStart(string text, int at) =>
        at < text.Length && (char.IsLetter(text[at]) || text[at] == '_');

    private static bool IsNamePart(char character) => char.IsLetterOrDigit(character) || character is '_' or '$';

    private static int NameEnd(string text, int at)
    {
        while (at < text.Length && IsNamePart(text[at]))
            at++;
        return at;
    }
}
