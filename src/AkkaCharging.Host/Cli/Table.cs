using System.Globalization;
using System.Text;

namespace AkkaCharging.Host.Cli;

/// <summary>
/// A table whose rows can be written as they are read: each column has the width of its longest value. Columns that do
/// not fit on a terminal continue on further, indented lines of each row.
/// </summary>
internal sealed class Table<T>(IReadOnlyList<(string Title, int Width, Func<T, string> Read)> columns)
{
    private const string Gap = "  ";
    private const string Indent = "    ";

    /// <summary>Width that is kept for a column of any width, such as a URL.</summary>
    private const int OpenWidth = 30;

    /// <summary>Returns the line of titles.</summary>
    public string Head(TextWriter output) => Line(output, column => column.Title, _ => Tone.Title);

    /// <summary>Returns the line of a row, colored by what its words mean.</summary>
    public string Row(TextWriter output, T row) => Line(output, column => column.Read(row), Tones.Of);

    private string Line(
        TextWriter output,
        Func<(string Title, int Width, Func<T, string> Read), string> read,
        Func<string, Tone> tone
    )
    {
        var terminal = Terminal.Of(output);
        var line = new StringBuilder();
        var used = 0;
        foreach (var column in columns)
        {
            var width = Math.Max(column.Title.Length, column.Width > 0 ? column.Width : OpenWidth);
            if (used > 0 && used + Gap.Length + width > terminal.Width)
            {
                TrimEnd(line).AppendLine().Append(Indent);
                used = Indent.Length;
            }
            else if (used > 0)
            {
                line.Append(Gap);
                used += Gap.Length;
            }

            var cell = read(column);
            line.Append(terminal.Paint(tone(cell), cell)).Append(' ', Math.Max(0, column.Width - cell.Length));
            used += width;
        }

        return TrimEnd(line).ToString();
    }

    private static StringBuilder TrimEnd(StringBuilder line)
    {
        while (line is [.., ' '])
            line.Length--;
        return line;
    }
}

/// <summary>What the words of tables and checks mean to an operator.</summary>
internal static class Tones
{
    public static Tone Of(string word) =>
        word switch
        {
            "allowed" or "delivered" or "ok" or "proven" => Tone.Good,
            "unknown" or "warning" or "half_open" or "silent" or "expired" => Tone.Doubtful,
            "failed" or "open" => Tone.Bad,
            _ => Tone.Plain,
        };
}

/// <summary>Formats values for tables.</summary>
internal static class Cells
{
    /// <summary>Stands for an unknown value.</summary>
    public const string None = "-";

    /// <summary>Formats a time in UTC; <see cref="None"/> for null.</summary>
    public static string Of(DateTimeOffset? time) =>
        time is { } at ? at.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture) : None;

    /// <summary>Formats milliseconds since 1970 as a time in UTC; <see cref="None"/> for null.</summary>
    public static string OfMillis(long? millis) =>
        millis is { } at ? Of(DateTimeOffset.FromUnixTimeMilliseconds(at)) : None;

    /// <summary>Formats a free text, which may contain control characters; <see cref="None"/> for null.</summary>
    public static string Of(string? text) =>
        text is null ? None : string.Concat(text.Select(letter => char.IsControl(letter) ? '?' : letter));
}
