using System.CommandLine;

namespace AkkaCharging.Host.Cli;

/// <summary>Prints scripts that let shells complete the command line.</summary>
/// <remarks>
/// A shell asks the executable itself, with System.CommandLine's directive <c>[suggest:POSITION]</c>. Words that it
/// does not know, such as names of files, are completed by the shell.
/// </remarks>
internal static class CompletionCommand
{
    private const string Bash = """
        # AkkaCharging for bash: put this into ~/.bashrc, or run: source <({0} completion bash)
        _akkacharging() {{
            local line="${{COMP_LINE:0:COMP_POINT}}" words
            line="${{line#"${{COMP_WORDS[0]}}"}}"
            line="${{line# }}"
            words="$("${{COMP_WORDS[0]/#\~/$HOME}}" "[suggest:${{#line}}]" "$line" 2>/dev/null)"
            COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
        }}
        complete -o default -F _akkacharging {0}
        """;

    private const string Zsh = """
        #compdef {0}
        # AkkaCharging for zsh: put this into ~/.zshrc after compinit, or run: source <({0} completion zsh)
        _akkacharging() {{
            local line="${{BUFFER[1,CURSOR]#$words[1]}}"
            line="${{line# }}"
            local -a found
            found=("${{(@f)$("${{words[1]/#\~/$HOME}}" "[suggest:${{#line}}]" "$line" 2>/dev/null)}}")
            compadd -- $found
            _files
        }}
        compdef _akkacharging {0}
        """;

    private const string Fish = """
        # AkkaCharging for fish: save this as ~/.config/fish/completions/{0}.fish
        function __akkacharging
            set -l line (commandline --current-process --cut-at-cursor | string replace --regex '^\s*\S+\s?' '')
            {0} "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null
        end
        complete --command {0} --arguments '(__akkacharging)'
        """;

    /// <summary>Creates the command.</summary>
    public static Command Create(TextWriter output)
    {
        var command = new Command("completion", "Print the script that completes this command line in a shell.");
        foreach (var (shell, script) in ((string, string)[])[("bash", Bash), ("zsh", Zsh), ("fish", Fish)])
        {
            var one = new Command(shell, $"The script for {shell}.");
            one.SetAction(_ => output.WriteLine(string.Format(null, script, Name)));
            command.Add(one);
        }

        return command;
    }

    /// <summary>The name by which users call the executable.</summary>
    private static string Name =>
        Path.GetFileName(Environment.ProcessPath) is { } name and not ("dotnet" or "dotnet.exe")
            ? name
            : typeof(CompletionCommand).Assembly.GetName().Name!;
}
