using System.Globalization;

namespace AkkaCharging.Host.Cli;

/// <summary>A table whose rows can be written as they come: each column is as wide as its longest value.</summary>
internal sealed class Table<T>(IReadOnlyList<(string Title, int Width, Func<T, string> Read)> columns)
{
    /// <summary>The line of titles.</summary>
    public string Head => Line(columns.Select(column => column.Title));

    /// <summary>The line of one row.</summary>
    public string Row(T row) => Line(columns.Select(column => column.Read(row)));

    private string Line(IEnumerable<string> cells) =>
        string.Join("  ", cells.Zip(columns, (cell, column) => cell.PadRight(column.Width))).TrimEnd();
}

/// <summary>How values are written in tables.</summary>
internal static class Cells
{
    /// <summary>Stands for what is not known.</summary>
    public const string None = "-";

    /// <summary>A time in UTC; <see cref="None"/> for null.</summary>
    public static string Of(DateTimeOffset? time) =>
        time is { } at ? at.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture) : None;

    /// <summary>A free text, which may hold control characters; <see cref="None"/> for null.</summary>
    public static string Of(string? text) =>
        text is null ? None : string.Concat(text.Select(letter => char.IsControl(letter) ? '?' : letter));
}
