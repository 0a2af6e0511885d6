using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Host.Cli;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Host.Tests.Cli;

[Trait("Category", "Component")]
public sealed class CommandLineTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("akkacharging-cli-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("--help")]
    [InlineData("-h")]
    public async Task Help_NamesEveryOption(string option)
    {
        var (exitCode, output, error) = await RunAsync(option);

        Assert.Equal((0, ""), (exitCode, error));
        Assert.All(
            ["--config", "FILE", "--check-config", "--version", "health", "audit"],
            word => Assert.Contains(word, output, StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task Version_IsOneLine()
    {
        var (exitCode, output, error) = await RunAsync("--version");

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Matches(@"^\d+\.\d+\.\d+\S*\n$", output.ReplaceLineEndings("\n"));
    }

    [Fact]
    public async Task NewKey_IsRandom_AndItsEntryHasItsHash()
    {
        var (exitCode, output, error) = await RunAsync("key", "new", "my \"app\"");
        var (_, other, _) = await RunAsync("key", "new", "b");

        Assert.Equal((0, ""), (exitCode, error));
        var lines = output.ReplaceLineEndings("\n").Split('\n');
        Assert.Matches("^akc_[A-Za-z0-9_-]{43}$", lines[1]);
        Assert.DoesNotContain(lines[1], other, StringComparison.Ordinal);
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines[1])));
        Assert.Equal($$"""{ name = "my \"app\"", sha256 = "{{hash}}" }""", lines[3]);
        var settings = Config($"server.apiKeys = [{lines[3]}]\nmanagement.operators = [{lines[3]}]");
        Assert.Equal(0, (await RunAsync("--check-config", "--config", settings)).ExitCode);
        var (refused, _, problem) = await RunAsync(
            "--check-config",
            "--config",
            Config($$"""server.apiKeys = [{ name = a, sha256 = "{{lines[1]}}" }]""")
        );
        Assert.Equal(1, refused);
        Assert.DoesNotContain(lines[1], problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("canary-4711\n", 0, "{0}\n", "")]
    [InlineData("", 1, "", "Standard input contains no key; expected one line.\n")]
    public async Task HashOfAKey_IsReadFromStandardInput(string input, int exit, string printed, string problem)
    {
        var (output, error) = (new StringWriter(), new StringWriter());

        var exitCode = await CommandLine.RunAsync(["key", "hash"], new StringReader(input), output, error);

        var hash = Convert.ToHexStringLower(SHA256.HashData("canary-4711"u8));
        Assert.Equal(
            (exit, string.Format(CultureInfo.InvariantCulture, printed, hash), problem),
            (exitCode, output.ToString().ReplaceLineEndings("\n"), error.ToString().ReplaceLineEndings("\n"))
        );
    }

    [Fact]
    public async Task SecretsInit_CreatesFilesThatTheServiceAccepts_AndKeepsThoseThatExist()
    {
        var folder = Path.Combine(_folder, "new", "secrets");
        string[] files = ["acl.csv", "journal-key", "management-token", "signing-keys"];

        var (exitCode, output, _) = await RunAsync("secrets", "init", folder, "--caller", "acme");
        var first = files.Select(file => File.ReadAllText(Path.Combine(folder, file))).ToList();
        var (again, kept, _) = await RunAsync("secrets", "init", folder);
        var (checkedAs, _, problems) = await RunAsync(
            "--check-config",
            "--config",
            Config(
                $$"""
                server.apiKeys = [{{output.Split(Environment.NewLine).Single(line => line.StartsWith('{'))}}]
                management.token = "{{first[2].Trim()}}"
                authorization.acl.file = "{{folder}}/acl.csv"
                callback.signing.keysFile = "{{folder}}/signing-keys"
                journal.encryptionKeyFile = "{{folder}}/journal-key"
                """
            )
        );

        Assert.DoesNotContain("problem", problems, StringComparison.Ordinal);
        Assert.DoesNotContain("not signed", problems, StringComparison.Ordinal);
        Assert.Equal((0, 0, 0), (exitCode, again, checkedAs));
        Assert.Equal(4, output.Split("created").Length - 1);
        Assert.Equal(4, kept.Split("kept ").Length - 1);
        Assert.Equal(first, files.Select(file => File.ReadAllText(Path.Combine(folder, file))));
        Assert.DoesNotContain(first[1].Trim(), output, StringComparison.Ordinal);
        Assert.DoesNotContain(first[2].Trim(), output, StringComparison.Ordinal);
        if (OperatingSystem.IsWindows())
            return;
        foreach (var file in files)
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite,
                File.GetUnixFileMode(Path.Combine(folder, file))
            );
    }

    [Fact]
    public async Task SecretsInit_WhereNothingCanBeWritten_SaysWhy()
    {
        var file = Path.Combine(_folder, "file");
        await File.WriteAllTextAsync(file, "");

        var (exitCode, _, error) = await RunAsync("secrets", "init", Path.Combine(file, "secrets"));

        Assert.Equal(1, exitCode);
        Assert.Contains(file, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SecretsInit_OnAFullDisk_LeavesNothingThatTheNextRunKeeps()
    {
        using var disk = new SmallDisk(Path.Combine(_folder, "disk"), megabytes: 1);
        var ballast = disk.Fill();

        var (full, _, error) = await RunAsync("secrets", "init", disk.Path);
        var left = File.Exists(Path.Combine(disk.Path, "journal-key"));
        File.Delete(ballast);
        var (again, output, _) = await RunAsync("secrets", "init", disk.Path);

        Assert.Equal((1, false, 0), (full, left, again));
        Assert.NotEqual("", error.Trim());
        Assert.Equal(4, output.Split("created").Length - 1);
        Assert.Empty(Directory.GetFiles(disk.Path, "*.new"));
    }

    [Fact]
    public async Task SecretsInit_AfterACrash_WritesTheUnfinishedFileAgain()
    {
        var unfinished = Path.Combine(_folder, "journal-key.new");
        await File.WriteAllTextAsync(unfinished, "half a k");

        var (exitCode, _, error) = await RunAsync("secrets", "init", _folder);

        Assert.Equal((0, ""), (exitCode, error));
        var key = await File.ReadAllTextAsync(Path.Combine(_folder, "journal-key"));
        Assert.Equal(32, Convert.FromBase64String(key.Trim()).Length);
        Assert.Empty(Directory.GetFiles(_folder, "*.new"));
    }

    [Theory]
    [InlineData("--chek-config")]
    [InlineData("serve")]
    [InlineData("--config")]
    public async Task UnknownCommandLine_Exits1(string argument)
    {
        var (exitCode, _, error) = await RunAsync(argument);

        Assert.Equal(1, exitCode);
        Assert.Contains(argument, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CheckConfig_OfGoodSettings_SaysSo_AndWarnsOnTheErrorStream()
    {
        var (exitCode, output, error) = await RunAsync("--check-config", "--config", Config());

        Assert.Equal((0, "The settings are valid.\n"), (exitCode, output.ReplaceLineEndings("\n")));
        Assert.All(error.Trim().Split('\n'), line => Assert.StartsWith("warning: ", line, StringComparison.Ordinal));
        Assert.Contains("warning: No API keys are configured", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CheckConfig_OfBadSettings_ListsAllProblems()
    {
        var (exitCode, output, error) = await RunAsync(
            "--check-config",
            "--config",
            Config("queue.maxSize = 0\nserver.prot = 1\ncallback.jitter = much")
        );

        Assert.Equal((1, ""), (exitCode, output));
        Assert.Contains("3 problem(s) in the settings:", error, StringComparison.Ordinal);
        Assert.All(
            ["queue.maxSize", "server.prot", "callback.jitter"],
            path => Assert.Contains(path, error, StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task CheckConfig_OfFilesThatCannotBeUsed_ListsAllOfThem()
    {
        var settings =
            $"authorization.acl.file = \"{_folder}/absent.csv\"\ncallback.signing.keysFile = "
            + $"\"{_folder}/absent.keys\"\njournal.encryptionKeyFile = \"{_folder}/absent.key\"\n"
            + $"server.apiKeysFile = \"{_folder}/absent.callers\"";

        var (exitCode, _, error) = await RunAsync("--check-config", "--config", Config(settings));

        Assert.Equal(1, exitCode);
        Assert.Contains("absent.keys", error, StringComparison.Ordinal);
        Assert.Contains("absent.callers", error, StringComparison.Ordinal);
        Assert.Contains("absent.key'", error, StringComparison.Ordinal);
        Assert.Contains($"ACL file '{_folder}/absent.csv' cannot be used:", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CheckConfig_OfAKeyFileWhoseNameIsTooLong_SaysSo()
    {
        var name = new string('k', 256);

        var (exitCode, _, error) = await RunAsync(
            "--check-config",
            "--config",
            Config($"journal.encryptionKeyFile = \"{_folder}/{name}\"")
        );

        Assert.Equal(1, exitCode);
        Assert.Contains("1 problem(s) in the settings:", error, StringComparison.Ordinal);
        Assert.Contains("too long", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StartWithAKeyFileWhoseNameIsTooLong_Exits1_WithAMessage()
    {
        var settings =
            "journal { kind = postgres, connectionString = \"Host=127.0.0.1;Port=1;Username=u\", "
            + $"encryptionKeyFile = \"{_folder}/{new string('k', 256)}\" }}";

        var (exitCode, _, error) = await RunAsync("--config", Config(settings));

        Assert.Equal(1, exitCode);
        Assert.Contains("too long", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MigrateJournal_WhoseLockCannotBeWritten_SaysSo()
    {
        var journal = Path.Combine(_folder, "moved.db");
        await File.WriteAllTextAsync(journal, "");
        Directory.CreateDirectory(journal + ".lock"); // refused like a file on a read-only disk

        var (exitCode, output, error) = await MigrateAsync(journal);

        Assert.Equal((1, ""), (exitCode, output));
        Assert.Contains(journal + ".lock", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MigrateJournal_WhoseKeyCannotBeRead_DoesNotBlameTheDatabase()
    {
        if (!OperatingSystem.IsLinux())
            return;
        var journal = SettingsLoader.Defaults.Journal with { Path = Path.Combine(_folder, "moved.db") };
        await using (var made = new SqliteJournal(journal, TimeProvider.System))
            await made.StartAsync(default);
        File.Delete(journal.Path + ".key");
        File.CreateSymbolicLink(journal.Path + ".key", "/proc/self/mem"); // each read of its beginning fails

        var (exitCode, output, error) = await MigrateAsync(journal.Path);

        Assert.Equal((1, ""), (exitCode, output));
        Assert.StartsWith($"The journal {journal.Path} cannot be used: ", error, StringComparison.Ordinal);
    }

    private Task<(int ExitCode, string Output, string Error)> MigrateAsync(string journal)
    {
        var target =
            "journal { kind = postgres, connectionString = \"Host=127.0.0.1;Port=1;Username=u\", "
            + $"encryptionKeys = [\"{Convert.ToBase64String(new byte[32])}\"] }}";
        return RunAsync("migrate-journal", "--from", journal, "--config", Config(target));
    }

    [Theory]
    [InlineData("--check-config")]
    [InlineData("--config")]
    public async Task ConnectionStringWithoutAHost_IsRefused_ByTheCheckAndByTheStart(string option)
    {
        var settings =
            "journal { kind = postgres, connectionString = \"Username=a;Password=canary\", "
            + $"encryptionKeys = [\"{Convert.ToBase64String(new byte[32])}\"] }}";
        var config = Config(settings);

        var (exitCode, _, error) = await RunAsync(
            option == "--config" ? [option, config] : [option, "--config", config]
        );

        Assert.Equal(1, exitCode);
        Assert.Contains("journal.connectionString names no host; expected", error, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CheckConfig_WithoutAnAccessList_ReadsNone()
    {
        var (exitCode, _, _) = await RunAsync(
            "--check-config",
            "--config",
            Config(
                $"authorization {{ provider = http, acl.file = \"{_folder}/absent.csv\", "
                    + $"http.url = \"https://back.example.com\" }}"
            )
        );

        Assert.Equal(0, exitCode);
    }

    [Fact]
    public async Task AbsentConfigFile_Exits1()
    {
        var (exitCode, _, error) = await RunAsync("--config", Path.Combine(_folder, "absent.conf"));

        Assert.Equal(1, exitCode);
        Assert.Contains("there is no such file", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AbsentAccessList_StopsTheStart()
    {
        var (exitCode, _, error) = await RunAsync(
            "--config",
            Config($"authorization.acl.file = \"{_folder}/absent.csv\"")
        );

        Assert.Equal(1, exitCode);
        Assert.Contains("there is no such file; authorization.acl.file names it", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PortInUse_Exits1_WithAMessage()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;

        var (exitCode, _, error) = await RunAsync("--config", Config($"server.port = {port}"));

        Assert.Equal(1, exitCode);
        Assert.StartsWith(
            $"Cannot listen on server.host = '127.0.0.1', server.port = {port}: ",
            error,
            StringComparison.Ordinal
        );
        Assert.Contains("address already in use", error, StringComparison.Ordinal);
        Assert.EndsWith($"stop it, or set server.port.{Environment.NewLine}", error, StringComparison.Ordinal);
        Assert.Single(error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
        await Eventually.HoldsAsync(
            () =>
                CapturedConsole.Text is var log
                && log.IndexOf($"{_folder}/journal.db", StringComparison.Ordinal) is >= 0 and var start
                && log.IndexOf("Insecure setting", start, StringComparison.Ordinal) >= 0,
            "the start was logged"
        );
        Assert.DoesNotContain(
            $"Failed to bind to address http://127.0.0.1:{port}",
            CapturedConsole.Text,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task ManagementPortInUse_Exits1_WithAMessage()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;

        var (exitCode, _, error) = await RunAsync("--config", Config($"server.port = 0\nmanagement.port = {port}"));

        Assert.Equal(1, exitCode);
        Assert.StartsWith(
            $"Cannot listen on management.host = '127.0.0.1', management.port = {port}: ",
            error,
            StringComparison.Ordinal
        );
        Assert.Contains("address already in use", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("192.0.2.1")]
    [InlineData("no-such-name.invalid")]
    public async Task ManagementAddressOfAnotherMachine_Exits1_WithAMessage(string host)
    {
        var (exitCode, _, error) = await RunAsync(
            "--config",
            Config(
                $"server {{ host = \"127.0.0.1\", port = 0 }}\nmanagement "
                    + $"{{ host = \"{host}\", port = 0, token = operators-token-0001 }}"
            )
        );

        Assert.Equal(1, exitCode);
        Assert.StartsWith(
            $"Cannot listen on management.host = '{host}', management.port = 0: ",
            error,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("192.0.2.1")]
    [InlineData("no-such-name.invalid")]
    public async Task AddressOfAnotherMachine_Exits1_WithAMessage(string host)
    {
        var (exitCode, _, error) = await RunAsync(
            "--config",
            Config($"server {{ host = \"{host}\", allowAnonymous = true }}")
        );

        Assert.Equal(1, exitCode);
        Assert.StartsWith($"Cannot listen on server.host = '{host}', server.port = ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_OfARunningService_Exits0_AndOfAStoppedOne1()
    {
        string config;
        await using (var service = await RunningService.StartAsync())
        {
            config = Config($"server.port = {service.Http.BaseAddress!.Port}");
            var (exitCode, output, error) = await RunAsync("health", "--config", config);

            Assert.Equal((0, ""), (exitCode, error));
            Assert.StartsWith("{\"status\":\"UP\"", output, StringComparison.Ordinal);
        }

        var (gone, _, absence) = await RunAsync("health", "--config", config);

        Assert.Equal(1, gone);
        Assert.StartsWith("No answer from http://127.0.0.1:", absence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_OfAnUnreadyService_Exits1()
    {
        await using var service = await RunningService.StartAsync(customize: services =>
            services.AddSingleton<IRequestJournal>(
                new ScriptedJournal { Fault = new JournalUnavailableException("gone") }
            )
        );

        var (exitCode, output, _) = await RunAsync(
            "health",
            "--config",
            Config($"server.port = {service.Http.BaseAddress!.Port}")
        );

        Assert.Equal(1, exitCode);
        Assert.Contains("the journal is not available", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_WithBadSettings_Exits1()
    {
        var (exitCode, _, error) = await RunAsync("health", "--config", Config("server.port = x"));

        Assert.Equal(1, exitCode);
        Assert.Contains("server.port", error, StringComparison.Ordinal);
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] args)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var exitCode = await CommandLine.RunAsync(args, TextReader.Null, output, error);
        return (exitCode, output.ToString(), error.ToString());
    }

    private string Config(string more = "")
    {
        var acl = Path.Combine(_folder, "acl.csv");
        File.WriteAllText(acl, "token,stations,valid_from,valid_until,state\n");
        var file = Path.Combine(_folder, $"{Guid.NewGuid():N}.conf");
        var host = more.Contains("host =", StringComparison.Ordinal) ? "" : "server.host = \"127.0.0.1\"\n";
        var list = more.Contains("acl.file", StringComparison.Ordinal) ? "" : $"authorization.acl.file = \"{acl}\"\n";
        File.WriteAllText(file, $"{host}{list}journal.path = \"{_folder}/journal.db\"\n{more}\n");
        return file;
    }
}
