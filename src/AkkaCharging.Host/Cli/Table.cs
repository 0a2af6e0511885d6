using System.Globalization;

namespace AkkaCharging.Host.Cli;

/// <summary>
/// A table whose rows can be written as they are read: each column has the width of its longest value.
/// </summary>
internal sealed class Table<T>(IReadOnlyList<(string Title, int Width, Func<T, string> Read)> columns)
{
    /// <summary>Returns the line of titles.</summary>
    public string Head => Line(columns.Select(column => column.Title));

    /// <summary>Returns the line of a row.</summary>
    public string Row(T row) => Line(columns.Select(column => column.Read(row)));

    private string Line(IEnumerable<string> cells) =>
        string.Join("  ", cells.Zip(columns, (cell, column) => cell.PadRight(column.Width))).TrimEnd();
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
