using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.Pages;

/// <summary>
/// Follows the instructions of a documentation page, block by block: writes its files, runs its commands, and compares
/// the answers with those on the page.
/// </summary>
/// <param name="folder">The working directory.</param>
/// <param name="substitutions">What is different here, such as ports.</param>
/// <param name="runSql">Runs a block of SQL that no file is named for.</param>
/// <param name="until">The line at which to stop; null for the whole page.</param>
internal sealed partial class FollowedPage(
    string name,
    string folder,
    IReadOnlyDictionary<string, string> substitutions,
    Func<string, Task> runSql,
    string? until = null
) : IAsyncDisposable
{
    private const string Program = "AkkaCharging.Host";
    private const string Address = "127.0.0.1:8080";
    private const string Anything = "…";

    // Such a number on a page is the example of a time, in milliseconds since 1970.
    private const long TimeMin = 1_000_000_000_000;

    private readonly Dictionary<string, string> _environment = new(StringComparer.Ordinal);
    private ServiceProcess? _service;
    private string _output = "";

    /// <summary>Blocks of JSON that were compared with an answer.</summary>
    public int Compared { get; private set; }

    /// <summary>The service, once the page has started it.</summary>
    public ServiceProcess Service => _service!;

    /// <summary>Sets a variable whose value the page leaves to the reader.</summary>
    public void Set(string variable, string value) => _environment[variable] = value;

    public async Task FollowAsync()
    {
        var text = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", name));
        if (until is not null)
            text = text[..text.IndexOf($"\n{until}\n", StringComparison.Ordinal)];
        var before = 0;
        foreach (Match block in Block().Matches(text))
        {
            var named = FileName().Matches(text[before..block.Index]).LastOrDefault()?.Groups["name"].Value;
            before = block.Index + block.Length;
            var (language, content) = (block.Groups["language"].Value, Unindent(block));
            foreach (var (from, to) in substitutions)
                content = content.Replace(from, to, StringComparison.Ordinal);
            switch (language)
            {
                case "csv" or "hocon" or "sql" when named is not null:
                    Write(named, content);
                    break;
                case "sql":
                    await runSql(content);
                    break;
                case "sh":
                    await RunAsync(content);
                    break;
                case "json":
                    Compare(JsonDocument.Parse(content).RootElement, JsonDocument.Parse(_output).RootElement);
                    Compared++;
                    break;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        var service = _service;
        _service = null; // so that a test can dispose of the page before the database that it names
        if (service is not null)
            await service.DisposeAsync();
    }

    [GeneratedRegex(
        @"^ *```(?<language>\w+)\n(?<content>.*?)^ *```$",
        RegexOptions.Multiline | RegexOptions.Singleline
    )]
    private static partial Regex Block();

    [GeneratedRegex(@"`(?<name>[\w/]+\.(csv|conf|sql))`", RegexOptions.ExplicitCapture)]
    private static partial Regex FileName();

    private static string Unindent(Match block)
    {
        var lines = block.Groups["content"].Value.Split('\n');
        var indent = lines[0].Length - lines[0].TrimStart().Length;
        return string.Join('\n', lines.Select(line => line.Length >= indent ? line[indent..] : line));
    }

    private void Write(string file, string content)
    {
        var path = Path.Combine(folder, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
    }

    private async Task RunAsync(string commands)
    {
        foreach (var command in commands.Replace("\\\n", "", StringComparison.Ordinal).Split('\n'))
        {
            if (command == Program)
                _service = await ServiceProcess.StartAsync(_environment, folder);
            else if (command.StartsWith(Program, StringComparison.Ordinal))
                await CheckAsync(command.Split(' ')[1..]);
            else if (command.StartsWith("export ", StringComparison.Ordinal))
                _environment[command[7..command.IndexOf('=', StringComparison.Ordinal)]] = command[
                    (command.IndexOf('=', StringComparison.Ordinal) + 1)..
                ];
            else if (command.Length > 0)
                _output = await ShellAsync(command);
        }
    }

    private async Task CheckAsync(string[] arguments)
    {
        await using var check = ServiceProcess.Launch(_environment, folder, arguments);
        var code = await check.Process.ExitAsync();
        Assert.True(code == 0, check.Process.Everything);
    }

    private async Task<string> ShellAsync(string command)
    {
        if (_service is not null)
            command = command.Replace(
                Address,
                string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{_service.Port}"),
                StringComparison.Ordinal
            );
        using var shell = Process.Start(
            new ProcessStartInfo("sh", ["-e", "-c", command])
            {
                WorkingDirectory = folder,
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        var error = shell.StandardError.ReadToEndAsync();
        string output;
        try
        {
            output = await shell.StandardOutput.ReadToEndAsync().WaitAsync(Eventually.Patience);
            await shell.WaitForExitAsync().WaitAsync(Eventually.Patience);
        }
        catch (TimeoutException e)
        {
            shell.Kill(entireProcessTree: true); // disposing of it leaves it running
            throw new TimeoutException($"not within {Eventually.Patience.TotalSeconds} s: the end of {command}", e);
        }

        Assert.True(shell.ExitCode == 0, $"{command}: {await error}");
        return output;
    }

    private static void Compare(JsonElement expected, JsonElement actual)
    {
        if (expected.ValueKind == JsonValueKind.String && expected.GetString() == Anything)
            return;
        if (IsTime(expected))
        {
            Assert.True(IsTime(actual), actual.GetRawText());
            return;
        }

        if (expected.ValueKind != JsonValueKind.Object)
        {
            Assert.Equal(expected.GetRawText(), actual.GetRawText());
            return;
        }

        Assert.Equal(Names(expected), Names(actual));
        foreach (var field in expected.EnumerateObject())
            Compare(field.Value, actual.GetProperty(field.Name));
    }

    private static bool IsTime(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var millis) && millis >= TimeMin;

    private static string[] Names(JsonElement body) => [.. body.EnumerateObject().Select(field => field.Name)];
}
