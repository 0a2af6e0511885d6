namespace AkkaCharging.Host.Cli;

/// <summary>
/// Shows how far a long task is: on a terminal in one line that is written again and again, elsewhere in a line now
/// and then.
/// </summary>
internal sealed class Progress(TextWriter output, TimeProvider time)
{
    private static readonly TimeSpan Redrawn = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan NowAndThen = TimeSpan.FromSeconds(10);

    private readonly Terminal _terminal = Terminal.Of(output);
    private long _shownAt = time.GetTimestamp();
    private int _length;

    /// <summary>Shows <paramref name="describe"/>'s text if it is time to.</summary>
    public void Report(Func<string> describe)
    {
        if (time.GetElapsedTime(_shownAt) < (_terminal.IsTerminal ? Redrawn : NowAndThen))
            return;
        _shownAt = time.GetTimestamp();
        if (_terminal.IsTerminal)
            Redraw(describe());
        else
            output.WriteLine(describe());
    }

    /// <summary>Removes the line from the terminal, before other output or at the end.</summary>
    public void Clear()
    {
        if (_length > 0)
            Redraw("");
    }

    // Blanks erase what is left of a longer line: a dumb terminal has no other way.
    private void Redraw(string text)
    {
        var shown = text.Length < _terminal.Width ? text : text[..(_terminal.Width - 1)];
        output.Write($"\r{shown.PadRight(_length)}{(shown.Length == 0 ? "\r" : "")}");
        _length = shown.Length;
    }
}
