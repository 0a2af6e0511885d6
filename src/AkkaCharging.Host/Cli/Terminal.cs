using System.Text;

namespace AkkaCharging.Host.Cli;

/// <summary>What a color says about the text that has it.</summary>
internal enum Tone
{
    Plain = 0,
    Title = 1,
    Bad = 31,
    Good = 32,
    Doubtful = 33,
}

/// <summary>A stream of output that may be a terminal: its width, and its colors.</summary>
/// <param name="Width">Characters that fit in a line.</param>
/// <param name="HasColor">Whether the terminal may be sent colors.</param>
/// <param name="IsTerminal">Whether a line can be written again in its place.</param>
internal sealed record Terminal(int Width, bool HasColor, bool IsTerminal)
{
    private const int WidthMin = 40;

    /// <summary>A file or a pipe: lines of any length, without colors.</summary>
    public static Terminal None { get; } = new(int.MaxValue, HasColor: false, IsTerminal: false);

    /// <summary>Describes the terminal that the console is; never called for a redirected stream.</summary>
    /// <param name="columns">The width; 0 when the terminal does not tell it.</param>
    /// <param name="environment">Reads an environment variable; null when it is not set.</param>
    /// <remarks>https://no-color.org: any text in <c>NO_COLOR</c> switches colors off.</remarks>
    public static Terminal Of(int columns, Func<string, string?> environment) =>
        new(
            columns > 0 ? Math.Max(columns, WidthMin) : int.MaxValue,
            HasColor: string.IsNullOrEmpty(environment("NO_COLOR"))
                && environment("TERM") is { Length: > 0 } kind
                && !string.Equals(kind, "dumb", StringComparison.Ordinal),
            IsTerminal: true
        );

    /// <summary>Returns the terminal that <paramref name="writer"/> writes to.</summary>
    public static Terminal Of(TextWriter writer) => (writer as TerminalWriter)?.Terminal ?? None;

    /// <summary>Colors a text.</summary>
    public string Paint(Tone tone, string text) =>
        HasColor && tone != Tone.Plain && text.Length > 0 ? $"\e[{(int)tone}m{text}\e[0m" : text;
}

/// <summary>Writes to a terminal, and knows it.</summary>
internal sealed class TerminalWriter(TextWriter inner, Terminal terminal) : TextWriter
{
    public Terminal Terminal => terminal;

    public override Encoding Encoding => inner.Encoding;

    /// <summary>Returns <paramref name="writer"/> with its terminal; unchanged for a file or a pipe.</summary>
    public static TextWriter Of(TextWriter writer, bool isRedirected) =>
        isRedirected
            ? writer
            : new TerminalWriter(writer, Terminal.Of(Columns(), System.Environment.GetEnvironmentVariable));

    public override void Write(char value) => inner.Write(value);

    public override void Write(string? value) => inner.Write(value);

    public override void Write(char[] buffer, int index, int count) => inner.Write(buffer, index, count);

    public override void WriteLine(string? value) => inner.WriteLine(value);

    public override Task WriteAsync(string? value) => inner.WriteAsync(value);

    public override Task WriteLineAsync(string? value) => inner.WriteLineAsync(value);

    public override void Flush() => inner.Flush();

    private static int Columns()
    {
        try
        {
            return Console.WindowWidth;
        }
        catch (Exception e) when (e is IOException or PlatformNotSupportedException)
        {
            return 0;
        }
    }
}
