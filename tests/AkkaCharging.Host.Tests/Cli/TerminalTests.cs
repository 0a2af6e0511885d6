using AkkaCharging.Host.Cli;

namespace AkkaCharging.Host.Tests.Cli;

[Trait("Category", "Unit")]
public sealed class TerminalTests
{
    private static readonly Table<string> Columns = new([
        ("REQUEST", 40, _ => new string('r', 40)),
        ("STATE", 9, state => state),
        ("ATTEMPTS", 8, _ => "1"),
        ("DESTINATION", 0, _ => "https://receiver.example.com:443"),
    ]);

    [Theory]
    [InlineData(null, "xterm-256color", true)]
    [InlineData("", "xterm", true)]
    [InlineData("1", "xterm", false)]
    [InlineData(null, "dumb", false)]
    [InlineData(null, null, false)]
    public void Colors_AreOff_WhereTheyAreNotWantedOrNotUnderstood(string? noColor, string? kind, bool expected)
    {
        var terminal = Terminal.Of(
            80,
            name =>
                name == "NO_COLOR" ? noColor
                : name == "TERM" ? kind
                : "unexpected"
        );

        Assert.Equal(expected, terminal.HasColor);
        Assert.Equal(expected ? "\e[31mdown\e[0m" : "down", terminal.Paint(Tone.Bad, "down"));
    }

    [Fact]
    public void FileOrPipe_HasNoColors_AndLinesOfAnyLength()
    {
        var output = new StringWriter();

        Assert.Same(output, TerminalWriter.Of(output, isRedirected: true));
        Assert.Equal("down", Terminal.Of(output).Paint(Tone.Bad, "down"));
        Assert.Equal(
            $"{new string('r', 40)}  failed     1         https://receiver.example.com:443",
            Columns.Row(output, "failed")
        );
    }

    [Theory]
    [InlineData(100, "REQUEST                                   STATE      ATTEMPTS  DESTINATION")]
    [InlineData(80, "REQUEST                                   STATE      ATTEMPTS\n    DESTINATION")]
    [InlineData(52, "REQUEST                                   STATE\n    ATTEMPTS  DESTINATION")]
    [InlineData(10, "REQUEST\n    STATE      ATTEMPTS\n    DESTINATION")]
    public void Table_FitsTheTerminal(int width, string head) =>
        Assert.Equal(head, Columns.Head(On(width, color: false)).ReplaceLineEndings("\n"));

    [Fact]
    public void Row_BreaksWhereItsTitlesDo_AndIsColoredByMeaning()
    {
        var row = Columns.Row(On(80, color: true), "failed").ReplaceLineEndings("\n");

        Assert.Equal($"{new string('r', 40)}  \e[31mfailed\e[0m     1\n    https://receiver.example.com:443", row);
        Assert.Contains(
            "  \e[32mdelivered\e[0m  1",
            Columns.Row(On(80, color: true), "delivered"),
            StringComparison.Ordinal
        );
        Assert.DoesNotContain("\e", Columns.Row(On(80, color: true), "queued"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Writer_PassesEverythingOn()
    {
        var inner = new StringWriter { NewLine = "\n" };
        var writer = new TerminalWriter(inner, Terminal.None);

        writer.Write('a');
        writer.Write("b");
        writer.Write(['c', 'd'], 1, 1);
        await writer.WriteAsync("e");
        writer.WriteLine("f");
        await writer.WriteLineAsync("g");
        writer.Flush();

        Assert.Equal("abdef\ng\n", inner.ToString());
        Assert.Equal(inner.Encoding, writer.Encoding);
    }

    private static TerminalWriter On(int width, bool color) =>
        new(
            new StringWriter(),
            Terminal.Of(
                width,
                name =>
                    name == "TERM"
                        ? color
                            ? "xterm"
                            : "dumb"
                        : null
            )
        );
}
