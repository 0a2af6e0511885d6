using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>Commands in a real shell, and on a real terminal.</summary>
[Trait("Category", "Scenario")]
public sealed class ShellTests
{
    private static readonly string Executable = Path.Combine(AppContext.BaseDirectory, "AkkaCharging.Host");

    [Theory]
    [InlineData("dead-l", "dead-letters")]
    [InlineData("dead-letters re", "redrive")]
    [InlineData("request list --state exp", "expired")]
    [InlineData("config show --j", "--json")]
    [InlineData("config show --config no-such-f", "")]
    public async Task Bash_CompletesCommandsOptionsAndWords(string typed, string completed)
    {
        // Does what bash does at a tab: COMP_LINE and the like, then the function that is registered for the command.
        const string Tab = """
            source <("$1" completion bash)
            COMP_LINE="$1 $2"
            COMP_POINT=${#COMP_LINE}
            COMP_WORDS=($COMP_LINE)
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            registered=($(complete -p "${1##*/}"))
            "${registered[4]}"
            printf '%s\n' "${COMPREPLY[@]}"
            """;
        await using var bash = ChildProcess.StartProgram(
            ["bash", "--norc", "-c", Tab, "bash", Executable, typed],
            AppContext.BaseDirectory
        );

        Assert.Equal(0, await bash.ExitAsync());
        Assert.Equal([completed], bash.Output);
    }

    [Theory]
    [InlineData("TERM=xterm", "\e[31mfailed\e[0m   files")]
    [InlineData("TERM=dumb", "failed   files")]
    [InlineData("TERM=xterm NO_COLOR=1", "failed   files")]
    public async Task Doctor_HasColorsOnATerminal(string variables, string expected)
    {
        using var folder = new ScenarioFolder();
        await using var terminal = ChildProcess.StartProgram(
            ["script", "--quiet", "--command", $"env {variables} {Executable} doctor", "/dev/null"],
            folder.Path,
            ScenarioFolder.Settings(("AUTHORIZATION_ACL_FILE", "nowhere.csv"))
        );

        await terminal.ExitAsync();

        Assert.Contains(terminal.Output, line => line.Contains(expected, StringComparison.Ordinal));
    }
}
