using System.Globalization;
using System.Text;

namespace AkkaCharging.Settings.Hocon;

/// <summary>
/// A position in a HOCON text, with methods that read tokens without knowing the structure around them.
/// </summary>
internal sealed class HoconCursor
{
    private const int MaxBytes = 1024 * 1024;

    private readonly string _name;
    private readonly string _text;
    private int _at;

    /// <exception cref="HoconSyntaxException">The text contains control characters.</exception>
    public HoconCursor(string name, string text)
    {
        (_name, _text) = (name, text);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            var allowed = c is '\t' or '\n' || (c == '\r' && i + 1 < text.Length && text[i + 1] == '\n');
            if (!allowed && (char.IsControl(c) || c == '\uFEFF'))
            {
                throw new HoconSyntaxException(
                    $"{name}:{1 + text.AsSpan(0, i).Count('\n')}",
                    $"control character U+{(int)c:X4}; remove it."
                );
            }
        }
    }

    /// <summary>The character at this position; NUL, which the text cannot contain, past the end.</summary>
    public char Current => AtEnd ? '\0' : _text[_at];

    public bool AtEnd => _at >= _text.Length;

    public int Line { get; private set; } = 1;

    /// <summary>This position as problems name it.</summary>
    public string Here => $"{_name}:{Line}";

    /// <summary>Opens the text of a file.</summary>
    /// <exception cref="HoconSyntaxException">The file is too large, or is not UTF-8 text without a byte order
    /// mark.</exception>
    public static HoconCursor Open(string name, byte[] bytes)
    {
        if (bytes.Length > MaxBytes)
        {
            throw new HoconSyntaxException(name, "the file is larger than 1 MiB; expected settings.");
        }

        if (bytes is [0xEF, 0xBB, 0xBF, ..] or [0xFE, 0xFF, ..] or [0xFF, 0xFE, ..])
        {
            throw new HoconSyntaxException(
                $"{name}:1",
                "the file starts with a byte order mark; save it as UTF-8 without one."
            );
        }

        try
        {
            return new HoconCursor(
                name,
                new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(bytes)
            );
        }
        catch (DecoderFallbackException e)
        {
            throw new HoconSyntaxException(
                $"{name}:{1 + bytes.AsSpan(0, e.Index).Count((byte)'\n')}",
                "the file is not UTF-8."
            );
        }
    }

    /// <summary>Checks whether the text continues with <paramref name="what"/>.</summary>
    public bool Starts(string what) => string.CompareOrdinal(_text, _at, what, 0, what.Length) == 0;

    /// <summary>Skips <paramref name="what"/> if it is the current character.</summary>
    public bool Take(char what)
    {
        var found = !AtEnd && Current == what;
        _at += found ? 1 : 0;
        return found;
    }

    /// <summary>Skips spaces and tabs.</summary>
    public void SkipBlanks()
    {
        while (Current is ' ' or '\t')
        {
            _at++;
        }
    }

    /// <summary>Skips spaces, comments and line ends.</summary>
    public void SkipLines()
    {
        for (SkipBlanks(); Current is '\r' or '\n' or '#' || Starts("//"); SkipBlanks())
        {
            var end = _text.IndexOf('\n', _at);
            Line += end < 0 ? 0 : 1;
            _at = end < 0 ? _text.Length : end + 1;
        }
    }

    /// <summary>Reads an unquoted text: letters, digits, <c>_ - /</c>, and dots in values.</summary>
    public string Plain(bool dots)
    {
        var start = _at;
        while (
            char.IsAsciiLetterOrDigit(Current)
            || Current is '_' or '-'
            || (Current == '/' && !Starts("//"))
            || (dots && Current == '.')
        )
        {
            _at++;
        }

        // Ambiguous: in `http://x` and `a#b`, the rest may or may not be a comment.
        return _at > start && (Current == '#' || Starts("//"))
            ? throw Error("a comment needs a space before it; a value with # or // needs quotes.")
            : _text[start.._at];
    }

    /// <summary>Reads a text in double quotes, with escapes resolved.</summary>
    public string Quoted()
    {
        var opened = Here;
        var text = new StringBuilder();
        for (_at++; Current != '"'; _at++)
        {
            if (AtEnd || Current is '\r' or '\n')
            {
                throw new HoconSyntaxException(opened, "'\"' is never closed on its line.");
            }

            text.Append(Current == '\\' ? Escaped() : Current);
        }

        _at++;
        return text.ToString();
    }

    private char Escaped()
    {
        _at++;
        switch (Current)
        {
            case '"' or '\\' or '/':
                return Current;
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'u'
                when _at + 4 < _text.Length
                    && ushort.TryParse(
                        _text.AsSpan(_at + 1, 4),
                        NumberStyles.AllowHexSpecifier,
                        CultureInfo.InvariantCulture,
                        out var code
                    ):
                _at += 4;
                return (char)code;
            default:
                throw Error("unknown escape; expected \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\uXXXX.");
        }
    }

    /// <summary>Reads a text in three double quotes, without escapes.</summary>
    public string TripleQuoted()
    {
        var opened = Here;
        var start = _at + 3;
        var end = _text.IndexOf("\"\"\"", start, StringComparison.Ordinal);
        if (end < 0)
        {
            throw new HoconSyntaxException(opened, "'\"\"\"' is never closed.");
        }

        var text = _text[start..end];
        Line += text.AsSpan().Count('\n');
        _at = end + 3;
        return text;
    }

    public HoconSyntaxException Error(string reason) => new(Here, reason);

    /// <summary>Creates the error for an unexpected character at this position.</summary>
    public HoconSyntaxException Unexpected(string expected) =>
        Error(
            Current switch
            {
                '$' => "substitutions (${…}) are not supported; use the environment variable of the key.",
                '\'' => "single quotes do not quote; use double quotes.",
                ',' => "a comma with nothing before it.",
                '\r' or '\n' or '\0' => $"the line ends; expected {expected}.",
                var c => $"unexpected {(char.IsAscii(c) ? $"'{c}'" : $"U+{(int)c:X4}")}; "
                    + $"expected {expected}, or double quotes around the whole value.",
            }
        );
}
