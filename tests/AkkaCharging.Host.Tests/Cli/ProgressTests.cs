using AkkaCharging.Host.Cli;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Cli;

[Trait("Category", "Unit")]
public sealed class ProgressTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly StringWriter _written = new() { NewLine = "\n" };

    [Fact]
    public void OnATerminal_OneLineIsWrittenAgain_AndErasedAtTheEnd()
    {
        var progress = new Progress(new TerminalWriter(_written, Terminal.Of(40, _ => null)), _time);

        progress.Report(() => throw new InvalidOperationException("too early"));
        After(100, progress, "Copied 12 rows");
        progress.Report(() => throw new InvalidOperationException("too early"));
        After(100, progress, "Copied all");
        progress.Clear();
        progress.Clear();

        Assert.Equal("\rCopied 12 rows\rCopied all    \r          \r", _written.ToString());
    }

    [Fact]
    public void OnATerminal_TheLineIsShorterThanTheScreenIsWide()
    {
        var progress = new Progress(new TerminalWriter(_written, Terminal.Of(40, _ => null)), _time);

        After(100, progress, new string('x', 50));

        Assert.Equal($"\r{new string('x', 39)}", _written.ToString());
    }

    [Fact]
    public void Elsewhere_ALineIsWrittenNowAndThen()
    {
        var progress = new Progress(_written, _time);

        After(9_999, progress, "never shown");
        After(1, progress, "first");
        After(9_999, progress, "never shown");
        After(1, progress, "second");
        progress.Clear();

        Assert.Equal("first\nsecond\n", _written.ToString());
    }

    private void After(int millis, Progress progress, string text)
    {
        _time.Advance(TimeSpan.FromMilliseconds(millis));
        progress.Report(() => text);
    }
}
