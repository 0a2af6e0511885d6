using System.Text.Json;
using System.Text.RegularExpressions;
using AkkaCharging.Host.Cli;
using AkkaCharging.Host.Tests.Admin;
using AkkaCharging.Settings;
using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests.Documentation;

/// <summary>Commands, settings and JSON of the pages: what can be run here is run, and the rest is listed.</summary>
[Trait("Category", "Component")]
public sealed partial class SnippetTests : IAsyncLifetime
{
    private const string Id = "req-01a20532-8232-74e2-9376-1944641a6752";
    private const string Receiver = "https://receiver.example.com";

    /// <summary>Beginnings of commands that are not run here, with the reason.</summary>
    private static readonly Dictionary<string, string> NotRunHere = new(StringComparer.Ordinal)
    {
        ["dotnet run"] = "builds; FirstStepsTests and CustomAuthorizerTests start what it builds",
        ["dotnet publish"] = "builds; DownloadTests start what it builds",
        ["dotnet out/"] = "serves until it is stopped",
        ["dotnet new"] = "needs packages that are not published yet",
        ["dotnet add"] = "needs packages that are not published yet",
        ["dotnet nuget"] = "changes this user's settings of NuGet; CustomAuthorizerTests have a nuget.config",
        ["curl -s localhost:8080/dev/callbacks"] = "development only; DevelopmentTests ask it",
        ["curl -s http://127.0.0.1:8080/"] = "needs the set-up of its page; CitrineosTests and SteveTests ask it",
        ["AkkaCharging.Host --check-config"] = "needs the files of its page; the settings are checked below",
        ["AkkaCharging.Host completion"] = "writes into a shell's files; ShellTests complete with its script",
        ["source <(AkkaCharging.Host completion"] = "changes the shell; ShellTests complete with its script",
        ["AkkaCharging.Host request"] = "reads a journal's file; JournalCommandTests run it",
        ["AkkaCharging.Host secrets init"] = "CommandLineTests run it",
        ["JOURNAL_KIND=postgres"] = "needs a database; JournalCommandTests migrate",
        ["OTEL_EXPORTER_OTLP_ENDPOINT="] = "serves until it is stopped; OtlpExportTests export",
        ["AKKACHARGING_API_KEYS="] = "lines of an environment file",
        ["POSTGRES_PASSWORD="] = "lines of an environment file",
        ["GRAFANA_PASSWORD="] = "lines of an environment file",
        ["openssl"] = "NodeTlsTests make certificates of their own",
        ["export"] = "sets what the next command needs",
        ["docker"] = "no container engine",
        ["kubectl"] = "no cluster",
        ["helm"] = "no cluster; ChartTests read the chart",
        ["echo"] = "adds to a file of the step before it",
        ["sudo"] = "changes owners",
        ["cp "] = "copies files of its page; BackupTests restore back-ups",
        ["install"] = "makes files of its page",
        ["printf"] = "makes files of its page",
        ["sqlite3"] = "BackupTests back up and restore",
        ["pg_dump"] = "BackupTests back up and restore",
        ["createdb"] = "BackupTests back up and restore",
        ["pg_restore"] = "BackupTests back up and restore",
        ["sha256sum"] = "DownloadTests check the sums",
        ["tar "] = "DownloadTests unpack",
    };

    private readonly string _folder = Directory.CreateTempSubdirectory("akkacharging-snippets-").FullName;
    private CallbackReceiver _receiver = null!;
    private RunningService _service = null!;

    /// <summary>The pages, by their path in the repository.</summary>
    private static IEnumerable<string> Pages =>
        [
            "README.md",
            .. Directory
                .GetFiles(Path.Combine(Repository.Root, "docs"), "*.md")
                .Concat(
                    Directory.GetFiles(Path.Combine(Repository.Root, "samples"), "*.md", SearchOption.AllDirectories)
                )
                .Select(file => Path.GetRelativePath(Repository.Root, file))
                .Order(StringComparer.Ordinal),
        ];

    public async Task InitializeAsync()
    {
        _receiver = await CallbackReceiver.StartAsync();
        _service = await RunningService.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _service.DisposeAsync();
        await _receiver.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Json_IsJson()
    {
        foreach (var snippet in Snippets("json"))
            using (JsonDocument.Parse(snippet.Text)) { }
    }

    [Fact]
    public void Settings_AreAccepted()
    {
        foreach (var (page, text) in Snippets("hocon"))
        {
            var file = Path.Combine(_folder, "snippet.conf");
            File.WriteAllText(
                file,
                text.Replace("<sha256 of the key, in hex>", new('0', 64), StringComparison.Ordinal)
            );
            var sources = new SettingsSources(
                file,
                Development: false,
                new Dictionary<string, string>
                {
                    ["SERVER_HOST"] = "127.0.0.1",
                    // What the page puts into files, or leaves to the reader.
                    ["AUTHORIZATION_SQL_CONNECTION_STRING"] = "Server=127.0.0.1",
                    ["AUTHORIZATION_HTTP_URL"] = "https://authorizer.example.com/",
                },
                _folder,
                _folder
            );
            try
            {
                SettingsLoader.Load(sources);
            }
            catch (InvalidSettingsException invalid)
            {
                Assert.Fail($"{page}: {string.Join('\n', invalid.Problems)}\n{text}");
            }
        }
    }

    [Fact]
    public async Task Commands_AreRun_OrListedAsNotRunHere()
    {
        var unused = NotRunHere.Keys.ToHashSet(StringComparer.Ordinal);
        var problems = new List<string>();
        foreach (var (page, command) in Snippets("sh").SelectMany(s => Commands(s.Text).Select(c => (s.Page, c))))
        {
            var listed = NotRunHere.Keys.Where(start => command.StartsWith(start, StringComparison.Ordinal)).ToList();
            unused.ExceptWith(listed);
            var problem =
                listed.Count > 0 || Assignment().IsMatch(command) ? null
                : command.StartsWith("curl ", StringComparison.Ordinal) ? await CallAsync(command)
                : command.StartsWith("AkkaCharging.Host", StringComparison.Ordinal) ? await RunAsync(command)
                : "neither run nor listed";
            if (problem is not null)
                problems.Add($"{page}: {command}\n{problem}");
        }

        Assert.Empty(problems);
        Assert.Empty(unused);
    }

    /// <returns>What is wrong; null when the service does as it is told.</returns>
    private async Task<string?> CallAsync(string command)
    {
        var (management, http) = (_service.Management.BaseAddress!, _service.Http.BaseAddress!);
        using var bash = new System.Diagnostics.Process
        {
            StartInfo = new("bash", ["-c", $"{await WithALetterAsync(command)} -w '\n%{{http_code}}'"])
            {
                RedirectStandardOutput = true,
                UseShellExecute = false,
                Environment =
                {
                    ["admin"] = management.GetLeftPart(UriPartial.Authority),
                    ["json"] = "Content-Type: application/json",
                    ["no_proxy"] = "*",
                },
            },
        };
        bash.StartInfo.ArgumentList[1] = bash
            .StartInfo.ArgumentList[1]
            .Replace("localhost:8080", http.Authority, StringComparison.Ordinal)
            .Replace("127.0.0.1:8080", http.Authority, StringComparison.Ordinal);
        bash.Start();
        var output = await bash.StandardOutput.ReadToEndAsync();
        await bash.WaitForExitAsync();
        string[] expected =
            // A number that nobody counted is not confirmed.
            command.Contains("\"count\":12", StringComparison.Ordinal)
                ? ["409"]
            // The job of the command before may have ended.
            : command.EndsWith("/cancel", StringComparison.Ordinal) ? ["202", "409"]
            : ["200", "202"];
        return expected.Contains(output.Split('\n')[^1]) ? null : output;
    }

    /// <returns>What is wrong; null when the command succeeds.</returns>
    private async Task<string?> RunAsync(string command)
    {
        if (command.Equals("AkkaCharging.Host", StringComparison.Ordinal))
            return null; // serves, as every other test does
        var config = Path.Combine(_folder, "operator.conf");
        await File.WriteAllTextAsync(
            config,
            $"server.host = \"127.0.0.1\"\nmanagement.port = {_service.Management.BaseAddress!.Port}"
        );
        var arguments = (await WithALetterAsync(command)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..];
        using var output = new StringWriter();
        using var error = new StringWriter();
        var exitCode = await CommandLine.RunAsync([.. arguments, "--config", config], TextReader.Null, output, error);
        return exitCode == 0 ? null : $"{output}{error}";
    }

    /// <summary>Puts a dead letter and a receiver of this test in the place of the page's.</summary>
    private async Task<string> WithALetterAsync(string command) =>
        (
            command.Contains(Id, StringComparison.Ordinal)
                ? command.Replace(Id, await _service.FailAsync(_receiver), StringComparison.Ordinal)
                : command
        ).Replace(Receiver, _receiver.Destination(), StringComparison.Ordinal);

    private static IEnumerable<(string Page, string Text)> Snippets(string language) =>
        from page in Pages
        from Match match in Fence().Matches(File.ReadAllText(Path.Combine(Repository.Root, page)))
        where match.Groups["language"].Value.Equals(language, StringComparison.Ordinal)
        select (page, match.Groups["text"].Value);

    /// <summary>The commands of a snippet, each in one piece however many lines it has.</summary>
    private static IEnumerable<string> Commands(string text)
    {
        var command = "";
        foreach (var line in text.Replace("\\\n", " ", StringComparison.Ordinal).Split('\n'))
        {
            command = command.Length == 0 ? line.Trim() : $"{command}\n{line}";
            if (command.Length == 0 || command.StartsWith('#'))
                command = "";
            else if (command.Count(letter => letter == '\'') % 2 == 0)
            {
                yield return Comment().Replace(command, "");
                command = "";
            }
        }
    }

    [GeneratedRegex(
        @"^ *```(?<language>\w+)\n(?<text>.*?)^ *```$",
        RegexOptions.ExplicitCapture | RegexOptions.Multiline | RegexOptions.Singleline
    )]
    private static partial Regex Fence();

    [GeneratedRegex("^(admin|json)=", RegexOptions.ExplicitCapture)]
    private static partial Regex Assignment();

    [GeneratedRegex(" +# .*$")]
    private static partial Regex Comment();
}
