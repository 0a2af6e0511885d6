using AkkaCharging.Host.Cli;

namespace AkkaCharging.Host.Tests.Cli;

[Trait("Category", "Component")]
public sealed class CompletionCommandTests
{
    [Theory]
    [InlineData("dead", "dead-letters")]
    [InlineData("dead-letters re", "redrive")]
    [InlineData("config show --j", "--json")]
    [InlineData("request list --state ", "expired")]
    [InlineData("completion ", "zsh")]
    public async Task ServiceNamesTheWordsThatFollow(string line, string word)
    {
        var (exitCode, output) = await RunAsync($"[suggest:{line.Length}]", line);

        Assert.Equal(0, exitCode);
        Assert.Contains(word, output.Split(Environment.NewLine));
    }

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("fish")]
    public async Task Script_AsksTheService(string shell)
    {
        var (exitCode, output) = await RunAsync("completion", shell);

        Assert.Equal(0, exitCode);
        Assert.Contains("[suggest:", output, StringComparison.Ordinal);
        Assert.DoesNotContain("{{", output, StringComparison.Ordinal);
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(params string[] args)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var exitCode = await CommandLine.RunAsync(args, TextReader.Null, output, error);
        Assert.Equal("", error.ToString());
        return (exitCode, output.ToString());
    }
}
