using System.Text;
using System.Text.Unicode;
using AkkaCharging.Requests;
using Sylvan.Data.Csv;

namespace AkkaCharging.Authorization.Acl;

/// <summary>
/// Reads the CSV form of an access list and collects every problem with its line number. One instance reads one file.
/// </summary>
/// <remarks>
/// The reader is strict, because a misread rule lets a stranger charge. A line has exactly the header's fields, the
/// file ends with a line end, and spaces are significant. A list that was cut off at any byte is therefore either
/// rejected or lacks whole lines at its end, which only denies: each token has one line, and a token without a line is
/// denied. Values in messages are masked, because any field of a shifted line may be a token.
/// </remarks>
internal sealed class AclCsv(string name, AclTokenForm form)
{
    private const int ProblemsShown = 20;

    /// <summary>
    /// Maximum length of a record, enough for about 28,000 stations. It also limits how far an unclosed quote is read.
    /// </summary>
    private const int RecordCharsMax = 1 << 20;

    /// <summary>
    /// Maximum number of cached times. Most lists name few distinct times; the others must not fill memory.
    /// </summary>
    private const int TimesKeptMax = 10_000;

    private static readonly string[] Columns = ["token", "stations", "valid_from", "valid_until", "state"];
    private static readonly UTF8Encoding StrictUtf8 = new(
        encoderShouldEmitUTF8Identifier: true,
        throwOnInvalidBytes: true
    );

    private readonly AclRules.Builder _rules = new();
    private readonly Dictionary<string, Guid[]> _stationSets = [];
    private readonly Dictionary<string, long> _times = [];
    private readonly List<string> _problems = [];
    private readonly int[] _ordinals = [-1, -1, -1, -1, -1];
    private int _problemCount;
    private int _fieldCount;
    private int _line = 1;

    public AclRules Read(Stream stream)
    {
        try
        {
            using var text = new StreamReader(
                stream,
                StrictUtf8,
                detectEncodingFromByteOrderMarks: false,
                leaveOpen: true
            );
            ReadRecords(text, stream);
        }
        catch (CsvFormatException e)
        {
            Report(
                e is CsvRecordTooLargeException
                    ? $"longer than {RecordCharsMax} characters; is a quote not closed?"
                    : "misplaced or unclosed quote; the rest of the file was not read"
            );
        }
        catch (DecoderFallbackException)
        {
            _line = FirstLineNotUtf8(stream);
            Report("not UTF-8; the rest of the file was not read");
        }

        if (_problemCount > ProblemsShown)
            _problems.Add($"and {_problemCount - ProblemsShown} more");
        return _problems.Count == 0 ? _rules.Build() : throw new InvalidAclException(name, _problems);
    }

    private void ReadRecords(StreamReader text, Stream stream)
    {
        // Sylvan counts records, not lines: only the handler sees comments, and a quoted field may hold line breaks.
        using var csv = CsvDataReader.Create(
            text,
            new CsvDataReaderOptions
            {
                HasHeaders = false,
                Delimiter = ',',
                CommentHandler = (Action<string>)(_ => _line++),
                MaxBufferSize = RecordCharsMax,
            }
        );
        while (csv.Read())
        {
            if (csv.RowFieldCount > 1 || !csv.GetFieldSpan(0).IsWhiteSpace())
            {
                if (_fieldCount > 0)
                    ReadRule(csv);
                else if (!ReadHeader(csv))
                    return;
            }

            _line += CountLines(csv.GetRawRecordSpan());
        }

        if (_fieldCount == 0)
            Report($"no header; expected {string.Join(',', Columns)}");
        else if (!EndsWithLineEnd(stream))
            Add("the last line has no line end: the list may be cut off; a complete list ends with a line end");
    }

    private bool ReadHeader(CsvDataReader csv)
    {
        _fieldCount = csv.RowFieldCount;
        for (var i = 0; i < _fieldCount; i++)
        {
            var column = Array.IndexOf(Columns, csv.GetFieldSpan(i).ToString());
            if (column < 0)
                Report($"unknown column {Mask(csv.GetFieldSpan(i))}; the header may name {string.Join(',', Columns)}");
            else if (_ordinals[column] >= 0)
                Report($"column {Columns[column]} is named twice");
            else
                _ordinals[column] = i;
        }

        if (_ordinals[0] < 0)
            Report("the header does not name the column token");
        return _problemCount == 0;
    }

    private void ReadRule(CsvDataReader csv)
    {
        if (csv.RowFieldCount != _fieldCount)
        {
            Report($"{csv.RowFieldCount} fields where the header has {_fieldCount}");
            return;
        }

        var problemsBefore = _problemCount;
        var token = TokenHash.TryParse(Field(csv, 0), form);
        if (token is null)
            Report(
                $"token {Mask(Field(csv, 0))} is neither {form.Rules.Expected} nor sha256: and 64 hexadecimal digits"
            );
        var condition = new AclCondition(
            Stations(Field(csv, 1)),
            Time(Field(csv, 2), whenEmpty: long.MinValue, "valid_from"),
            Time(Field(csv, 3), whenEmpty: long.MaxValue, "valid_until"),
            IsBlocked(Field(csv, 4))
        );
        if (condition.FromTicks > condition.UntilTicks)
            Report("valid_from is after valid_until");

        if (_problemCount == problemsBefore && _rules.AddOrFindLine(token!.Value, condition, _line) is { } first)
            Report($"the same token as in line {first}");
    }

    private ReadOnlySpan<char> Field(CsvDataReader csv, int column) =>
        _ordinals[column] < 0 ? [] : csv.GetFieldSpan(_ordinals[column]);

    private Guid[]? Stations(ReadOnlySpan<char> text)
    {
        if (text is "" or "*")
            return null;
        if (_stationSets.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(text, out var known))
            return known;

        var stations = new List<Guid>();
        foreach (var part in text.Split(';'))
        {
            if (StationId.TryRead(text[part]) is { } station)
                stations.Add(station);
            else
                Report($"station {Mask(text[part])} is not a UUID");
        }

        Guid[] sorted = [.. stations.Distinct().Order()];
        if (sorted.Length > 0)
            _stationSets.Add(text.ToString(), sorted);
        return sorted;
    }

    private long Time(ReadOnlySpan<char> text, long whenEmpty, string column)
    {
        if (text.IsEmpty)
            return whenEmpty;
        if (_times.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(text, out var known))
            return known;

        if (Rfc3339.TryParse(text, out var time))
        {
            if (_times.Count < TimesKeptMax)
                _times.Add(text.ToString(), time.UtcTicks);
            return time.UtcTicks;
        }

        Report($"{column} {Mask(text)} is not an RFC 3339 time with offset, such as 2026-01-31T18:00:00Z");
        return whenEmpty;
    }

    private bool IsBlocked(ReadOnlySpan<char> text)
    {
        if (text is not ("" or "active" or "blocked"))
            Report($"state {Mask(text)} is neither active nor blocked");
        return text is "blocked";
    }

    private void Report(string problem) => Add($"line {_line}: {problem}");

    private void Add(string problem)
    {
        if (++_problemCount <= ProblemsShown)
            _problems.Add(problem);
    }

    private static string Mask(ReadOnlySpan<char> text)
    {
        var shown = DriverToken.ShownOf(text).ToString().Select(c => char.IsBetween(c, ' ', '~') ? c : '?');
        return $"'{string.Concat(shown)}***'";
    }

    /// <summary>Counts line ends: LF, CRLF or CR.</summary>
    private static int CountLines(ReadOnlySpan<char> record) =>
        record.Contains('\n') ? record.Count('\n') : record.Count('\r');

    /// <summary>
    /// Checks whether the last byte that was read is a line end. Uses the stream's position, so that text appended to
    /// the file since does not matter.
    /// </summary>
    private static bool EndsWithLineEnd(Stream stream)
    {
        stream.Seek(-1, SeekOrigin.Current);
        return stream.ReadByte() is '\n' or '\r';
    }

    private static int FirstLineNotUtf8(Stream stream)
    {
        stream.Position = 0;
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        var bytes = copy.GetBuffer().AsSpan(0, (int)copy.Length);
        var line = 1;
        foreach (var part in bytes.Split((byte)'\n'))
        {
            if (!Utf8.IsValid(bytes[part]))
                break;
            line++;
        }

        return line;
    }
}
