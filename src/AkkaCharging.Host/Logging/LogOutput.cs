using System.Buffers;
using System.Globalization;
using System.Text;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting;

namespace AkkaCharging.Host.Logging;

/// <summary>
/// Writes log lines to standard output from one thread, batching the lines of <see cref="CollectingTime"/>, so that a
/// line costs its caller no system call.
/// </summary>
/// <remarks>
/// A reader of standard output that hangs blocks this thread only. Lines beyond <see cref="CharactersMax"/> are then
/// dropped, like lines that cannot be written (a full disk, a terminal that is gone), and their number is written to
/// standard error.
/// </remarks>
internal sealed class LogOutput : ILogEventSink, IDisposable
{
    /// <summary>About 6,000 lines.</summary>
    public const int CharactersMax = 2_000_000;

    private const int UsualCharacters = 65_536;
    private const int KeptForAThread = 4_096;
    private static readonly TimeSpan CollectingTime = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan ReportPeriod = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ClosingMax = TimeSpan.FromSeconds(3);

    [ThreadStatic]
    private static StringWriter? _line;

    private readonly ITextFormatter _formatter;
    private readonly TextWriter _output;
    private readonly TextWriter _error;
    private readonly TimeSpan _closingMax;
    private readonly Lock _gate = new();
    private readonly AutoResetEvent _hasLines = new(false); // unlike the slim variant, it never spins
    private readonly ManualResetEvent _closing = new(false);
    private readonly Thread _writer;
    private readonly Timer _reports;
    private ArrayBufferWriter<char> _waiting = new(UsualCharacters);
    private ArrayBufferWriter<char> _leaving = new(UsualCharacters);
    private int _waitingLines;
    private bool _isClosing;
    private string? _problem;
    private long _dropped;
    private long _reported;

    /// <param name="output">Standard output, written by one thread at a time.</param>
    /// <param name="error">Standard error, for the number of dropped lines.</param>
    /// <param name="closingMax">How long <see cref="Dispose"/> waits for the reader; null for 3 s.</param>
    public LogOutput(ITextFormatter formatter, TextWriter output, TextWriter error, TimeSpan? closingMax = null)
    {
        (_formatter, _output, _error, _closingMax) = (formatter, output, error, closingMax ?? ClosingMax);
        _reports = new(_ => ReportAgain(), state: null, ReportPeriod, Timeout.InfiniteTimeSpan);
        _writer = new(Write) { IsBackground = true, Name = "log output" };
        _writer.Start();
    }

    /// <inheritdoc/>
    public void Emit(LogEvent logEvent)
    {
        var line = _line ??= new(new StringBuilder(KeptForAThread), CultureInfo.InvariantCulture);
        var text = line.GetStringBuilder();
        text.Clear();
        _formatter.Format(logEvent, line);
        lock (_gate)
        {
            if (_isClosing || _waiting.WrittenCount + text.Length > CharactersMax)
            {
                _dropped++;
                return;
            }

            var isFirst = _waiting.WrittenCount == 0;
            foreach (var part in text.GetChunks())
                _waiting.Write(part.Span);
            _waitingLines++;
            if (isFirst)
                _hasLines.Set();
        }

        if (text.Capacity > KeptForAThread)
            _line = null;
    }

    /// <summary>Writes all queued lines. Those that the reader does not take in time are dropped.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_isClosing)
                return;
            _isClosing = true;
        }

        _closing.Set();
        _hasLines.Set();
        var isWritten = _writer.Join(_closingMax);
        _reports.Dispose();
        // One hanging reader may have both, standard output and standard error.
        Task.Run(() => ReportEnd(isWritten)).Wait(_closingMax);
        if (!isWritten)
            return; // the writer still uses them
        _hasLines.Dispose();
        _closing.Dispose();
    }

    private void Write()
    {
        for (var isClosing = false; !isClosing; )
        {
            _hasLines.WaitOne();
            _closing.WaitOne(CollectingTime);
            int lines;
            lock (_gate)
            {
                isClosing = _isClosing;
                (_waiting, _leaving) = (_leaving, _waiting);
                (lines, _waitingLines) = (_waitingLines, 0);
            }

            try
            {
                _output.Write(_leaving.WrittenSpan);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                lock (_gate)
                    (_dropped, _problem) = (_dropped + lines, e.Message);
            }

            _leaving.ResetWrittenCount();
        }
    }

    // The next report is scheduled after this one was written, so that a hanging reader of standard error blocks only
    // one thread.
    private void ReportAgain()
    {
        Report();
        _reports.Change(ReportPeriod, Timeout.InfiniteTimeSpan);
    }

    private void ReportEnd(bool isWritten)
    {
        Report();
        if (!isWritten)
            _error.WriteLine(
                $"The last lines of the log were not written within {_closingMax.TotalSeconds} s: nothing is reading "
                    + "standard output."
            );
    }

    private void Report()
    {
        long dropped;
        string? problem;
        lock (_gate)
        {
            (dropped, problem, _problem) = (_dropped, _problem, null);
            if (dropped == _reported)
                return;
            _reported = dropped;
        }

        var cause = problem is null ? "is not read fast enough" : $"cannot be written ({problem})";
        _error.WriteLine($"{dropped} log lines were dropped since the start: standard output {cause}.");
    }
}
