using System.Collections.Frozen;
using System.Text;
using AkkaCharging.Files;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using Sylvan.Data.Csv;

namespace AkkaCharging.Authorization.Questions;

/// <summary>Reads the CSV file that maps stations to their names in partner systems.</summary>
/// <remarks>
/// The header names the columns, in any order: <c>station</c>, and any of <c>location_id</c>, <c>evse_uids</c>
/// (separated by <c>;</c>), <c>external_id</c> and <c>group</c>. As in the access list, a line has exactly the header's
/// fields, and the file ends with a line end.
/// </remarks>
internal static class StationMapCsv
{
    private const int ProblemsShown = 20;
    private const int RecordCharsMax = 1 << 16;
    private const int IdLengthMax = 36; // the limit of OCPI
    private const int TextLengthMax = 255;

    private static readonly string[] Columns = ["station", "location_id", "evse_uids", "external_id", "group"];

    /// <summary>Reads the file.</summary>
    /// <exception cref="InvalidSettingsException">The file is missing, cannot be read or has broken lines, all of which
    /// are listed.</exception>
    public static FrozenDictionary<Guid, StationMapping> Load(string path)
    {
        try
        {
            using var stream = RegularFile.Open(path);
            return Read(stream, path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw Unusable(
                path,
                ["there is no such file; authorization.stationsFile names it, relative to the working directory"],
                e
            );
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable(path, [ShownValue.Reason(e, path)], e);
        }
    }

    /// <summary>Reads the text of the file.</summary>
    /// <param name="name">The name of the file, for messages.</param>
    /// <exception cref="InvalidSettingsException">The text has broken lines.</exception>
    public static FrozenDictionary<Guid, StationMapping> Read(Stream stream, string name)
    {
        var map = new Dictionary<Guid, StationMapping>();
        var problems = new List<string>();
        try
        {
            using var text = new StreamReader(
                stream,
                new UTF8Encoding(encoderShouldEmitUTF8Identifier: true, throwOnInvalidBytes: true),
                detectEncodingFromByteOrderMarks: false,
                leaveOpen: true
            );
            var content = text.ReadToEnd();
            if (content.Length > 0 && content[^1] != '\n')
                problems.Add(
                    "the last line has no line end: the file may be cut off; a complete one ends with a line end"
                );
            ReadRecords(content, map, problems);
        }
        catch (CsvFormatException)
        {
            problems.Add("misplaced or unclosed quote; the rest of the file was not read");
        }
        catch (DecoderFallbackException)
        {
            problems.Add("not UTF-8");
        }

        if (problems.Count > ProblemsShown)
            problems = [.. problems.Take(ProblemsShown), $"and {problems.Count - ProblemsShown} more"];
        return problems.Count == 0 ? map.ToFrozenDictionary() : throw Unusable(name, problems);
    }

    /// <summary>Creates the exception for a file with <paramref name="problems"/>.</summary>
    /// <param name="cause">The error when the file could not be read; null when its text is invalid.</param>
    public static InvalidSettingsException Unusable(
        string path,
        IEnumerable<string> problems,
        Exception? cause = null
    ) =>
        new(
            [
                $"Stations file '{ShownValue.OfFile(path)}' cannot be used:"
                    + $"{string.Concat(problems.Select(problem => "\n  " + problem))}",
            ],
            cause
        );

    private static void ReadRecords(string content, Dictionary<Guid, StationMapping> map, List<string> problems)
    {
        using var csv = CsvDataReader.Create(
            new StringReader(content),
            new CsvDataReaderOptions
            {
                HasHeaders = false,
                Delimiter = ',',
                MaxBufferSize = RecordCharsMax,
            }
        );
        int[]? ordinals = null;
        var fields = 0;
        while (csv.Read())
        {
            if (csv.RowFieldCount == 1 && csv.GetFieldSpan(0).IsWhiteSpace())
                continue;
            if (ordinals is null)
            {
                fields = csv.RowFieldCount;
                ordinals = ReadHeader(csv, problems);
                if (problems.Count > 0)
                    return;
            }
            else if (csv.RowFieldCount != fields)
                problems.Add($"record {csv.RowNumber}: {csv.RowFieldCount} fields where the header has {fields}");
            else
                ReadMapping(csv, ordinals, map, problem => problems.Add($"record {csv.RowNumber}: {problem}"));
        }

        if (ordinals is null)
            problems.Add($"no header; expected {string.Join(',', Columns)}");
    }

    private static int[] ReadHeader(CsvDataReader csv, List<string> problems)
    {
        var ordinals = Enumerable.Repeat(-1, Columns.Length).ToArray();
        for (var i = 0; i < csv.RowFieldCount; i++)
        {
            var column = Array.IndexOf(Columns, csv.GetString(i));
            if (column < 0)
                problems.Add($"unknown column {i + 1}; the header may name {string.Join(',', Columns)}");
            else if (ordinals[column] >= 0)
                problems.Add($"column {Columns[column]} is named twice");
            else
                ordinals[column] = i;
        }

        if (ordinals[0] < 0)
            problems.Add("the header does not name the column station");
        return ordinals;
    }

    private static void ReadMapping(
        CsvDataReader csv,
        int[] ordinals,
        Dictionary<Guid, StationMapping> map,
        Action<string> report
    )
    {
        var station = StationId.TryRead(Field(0));
        if (station is null)
            report("the station is not a UUID");
        string[] evses = Field(2) is { Length: > 0 } uids ? uids.Split(';') : [];
        if (!IsId(Field(1)) || !evses.All(evse => evse.Length > 0 && IsId(evse)))
            report($"location_id and evse_uids may have up to {IdLengthMax} printable ASCII characters each");
        if (evses.Length > 0 && Field(1).Length == 0)
            report("evse_uids without a location_id");
        if (!IsText(Field(3)) || !IsText(Field(4)))
            report($"external_id and group may have up to {TextLengthMax} characters and no control characters");
        if (station is { } id && !map.TryAdd(id, new(OrNull(1), evses, OrNull(3), OrNull(4))))
            report("the same station as in an earlier record");

        string Field(int column) => ordinals[column] < 0 ? "" : csv.GetString(ordinals[column]);
        string? OrNull(int column) => Field(column) is { Length: > 0 } text ? text : null;
    }

    private static bool IsId(string text) => text.Length <= IdLengthMax && text.All(c => c is >= ' ' and <= '~');

    private static bool IsText(string text) => text.Length <= TextLengthMax && !text.Any(char.IsControl);
}
