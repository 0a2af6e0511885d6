using System.Text.Json;
using AkkaCharging.Host.Cli;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Tests.Cli;

/// <summary>
/// The commands that check the settings and the files and systems they name: <c>config</c> and <c>doctor</c>.
/// </summary>
[Trait("Category", "Component")]
public sealed class DoctorCommandTests : IDisposable
{
    private const string Secret = "canary-token-0123456789";
    private readonly string _folder = Directory.CreateTempSubdirectory("akkacharging-doctor-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task SoundSettings_AreOk_AndNothingIsLeftBehind()
    {
        var (exitCode, output, error) = await RunAsync(Sqlite("new/journal.db"), "doctor");

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains("ok       settings: They are valid.", output, StringComparison.Ordinal);
        Assert.Contains("ok       files: Every file", output, StringComparison.Ordinal);
        Assert.Contains("journal.db is created at the first start.", output, StringComparison.Ordinal);
        Assert.Contains("warning  settings: Callbacks are not signed", output, StringComparison.Ordinal);
        Assert.Equal(
            ["acl.csv", "doctor.conf"],
            Directory.GetFileSystemEntries(_folder).Select(Path.GetFileName).Order(StringComparer.Ordinal)
        );
    }

    [Theory]
    [InlineData("warning: ", "config", "check")]
    [InlineData("warning  settings: ", "doctor")]
    public async Task KeysThatAkkaDoesNotKnow_AreWarnedOf(string mark, string command, params string[] more)
    {
        var (exitCode, output, error) = await RunAsync("journal.kind = memory\nakka.actr.x = 1", command, more);

        Assert.Equal(0, exitCode);
        Assert.Contains(
            $"{mark}{_folder}/doctor.conf:4: akka.actr is not a setting of Akka; did you mean akka.actor?",
            output + error,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task FolderThatIsAFile_Fails_AndTheOtherChecksAreMade()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "file"), "");

        var (exitCode, output, _) = await RunAsync(Sqlite("file/journal.db"), "doctor");

        Assert.Equal(1, exitCode);
        Assert.Contains("failed   journal: No file can be written next to", output, StringComparison.Ordinal);
        Assert.Contains("ok       files: ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FileThatIsNoJournal_Fails()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "journal.db"), "this is a text");

        var (exitCode, output, _) = await RunAsync(Sqlite("journal.db"), "doctor", "--json");

        Assert.Equal(1, exitCode);
        var failed = output
            .Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonSerializer.Deserialize<JsonElement>(line))
            .Single(finding => finding.GetProperty("verdict").GetString() == "failed");
        Assert.Equal("journal", failed.GetProperty("check").GetString());
    }

    [Fact]
    public async Task KeyFileWhoseNameIsTooLong_Fails_AndTheOtherChecksAreMade()
    {
        var file = Path.Combine(_folder, new string('k', 256));

        var (exitCode, output, _) = await RunAsync(
            $"{Sqlite("journal.db")}\njournal.encryptionKeyFile = \"{file}\"",
            "doctor"
        );

        Assert.Equal(1, exitCode);
        Assert.Contains("failed   files: ", output, StringComparison.Ordinal);
        Assert.Contains("ok       journal: ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task JournalInALoopOfLinks_Fails_AndTheOtherChecksAreMade()
    {
        var (one, other) = (Path.Combine(_folder, "journal.db"), Path.Combine(_folder, "other.db"));
        File.CreateSymbolicLink(one, other);
        File.CreateSymbolicLink(other, one);

        var (exitCode, output, _) = await RunAsync(Sqlite("journal.db"), "doctor");

        Assert.Equal(1, exitCode);
        Assert.Contains("failed   journal: ", output, StringComparison.Ordinal);
        Assert.Contains("ok       settings: ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DatabaseThatIsAway_Fails_WithoutItsPassword()
    {
        var (exitCode, output, error) = await RunAsync(
            $$"""
            journal {
              kind = postgres
              connectionString = "Host=127.0.0.1;Port=1;Username=u;Password={{Secret}}"
              encryptionKeys = ["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]
            }
            """,
            "doctor"
        );

        Assert.Equal(1, exitCode);
        Assert.Contains("failed   journal: The database cannot be reached.", output, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, output + error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task JournalWhoseKeyIsGone_OrIsAnother_Fails()
    {
        var settings = Sqlite("journal.db");
        var journal = SettingsLoader.Defaults.Journal with { Path = Path.Combine(_folder, "journal.db") };
        await using (var made = new SqliteJournal(journal, TimeProvider.System))
            await made.StartAsync(default);
        var (sound, output, _) = await RunAsync(settings, "doctor");
        var (other, told, _) = await RunAsync(
            $"{settings}\njournal.encryptionKeys = [\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"]",
            "doctor"
        );
        File.Delete(journal.Path + ".key");
        var (gone, why, _) = await RunAsync(settings, "doctor");
        var (both, reason, _) = await RunAsync(
            $"{settings}\njournal.encryptionKeys = [\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"]",
            "doctor"
        );

        Assert.Equal((0, 0, 1, 1), (sound, other, gone, both)); // the generated key still opens it beside another
        Assert.Contains("journal.db can be read with the configured keys.", output, StringComparison.Ordinal);
        Assert.Contains("journal.db can be read with the configured keys.", told, StringComparison.Ordinal);
        Assert.Contains("journal.db.key is missing", why, StringComparison.Ordinal);
        Assert.Contains("failed   journal: ", reason, StringComparison.Ordinal);
        Assert.False(File.Exists(journal.Path + ".key"));
    }

    [Fact]
    public async Task JournalOfAnOlderVersion_IsWarnedOf()
    {
        var journal = SettingsLoader.Defaults.Journal with { Path = Path.Combine(_folder, "journal.db") };
        await using (var made = new SqliteJournal(journal, TimeProvider.System))
            await made.StartAsync(default);
        SqliteRows.MakeOlder(journal.Path);

        var (exitCode, output, _) = await RunAsync(Sqlite("journal.db"), "doctor");

        Assert.Equal(0, exitCode);
        Assert.Contains(
            $"warning  journal: The journal {journal.Path} has schema version 3; this version of the service expects "
                + $"{SqliteSchema.Version}. A start of the service upgrades it.",
            output,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task AccessListThatIsMissing_Fails()
    {
        File.Delete(await WriteAclAsync());

        var (exitCode, output, _) = await RunAsync("journal.kind = memory", "doctor", withAcl: false);

        Assert.Equal(1, exitCode);
        Assert.Contains("failed   files: ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_HasApostrophesAsTheyAre_AndNoControlCharacter()
    {
        var (_, output, _) = await RunAsync("journal.kind = memory", "doctor", ["--json"], withAcl: false);
        var (_, shown, _) = await RunAsync(
            "journal.path = \"a'b\\u001b\\u009b.db\"",
            "config",
            ["show", "journal.path", "--json"]
        );

        Assert.Contains("ACL file '", output, StringComparison.Ordinal);
        Assert.Contains("a'b", shown, StringComparison.Ordinal);
        Assert.DoesNotContain(shown.TrimEnd(), char.IsControl);
    }

    [Fact]
    public async Task ConfigShow_HasValuesAndOrigins_AndNoSecret()
    {
        var (exitCode, output, error) = await RunAsync(
            $"management.token = \"{Secret}\"\njournal.kind = memory",
            "config",
            ["show", "management"]
        );

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains("management.port = 8081  (", output, StringComparison.Ordinal);
        Assert.Contains("management.token = (secret)  (", output, StringComparison.Ordinal);
        Assert.Contains("doctor.conf:", output, StringComparison.Ordinal);
        Assert.DoesNotContain("journal.kind", output, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("journal.kind = memory", 0, "The settings are valid.")]
    [InlineData("callback.maxRetrys = 3", 1, "did you mean callback.maxRetries?")]
    public async Task ConfigCheck_IsCheckConfig(string settings, int expected, string said)
    {
        var (exitCode, output, error) = await RunAsync(settings, "config", ["check"]);

        Assert.Equal(expected, exitCode);
        Assert.Contains(said, output + error, StringComparison.Ordinal);
    }

    private string Sqlite(string path) => $"journal {{ kind = sqlite, path = \"{Path.Combine(_folder, path)}\" }}";

    private async Task<string> WriteAclAsync()
    {
        var file = Path.Combine(_folder, "acl.csv");
        await File.WriteAllTextAsync(file, "token,stations,valid_from,valid_until,state\n");
        return file;
    }

    private Task<(int ExitCode, string Output, string Error)> RunAsync(
        string settings,
        string command,
        string? option = null,
        bool withAcl = true
    ) => RunAsync(settings, command, option is null ? [] : [option], withAcl);

    private async Task<(int ExitCode, string Output, string Error)> RunAsync(
        string settings,
        string command,
        string[] more,
        bool withAcl = true
    )
    {
        var acl = Path.Combine(_folder, "acl.csv");
        if (withAcl)
            await WriteAclAsync();
        var file = Path.Combine(_folder, "doctor.conf");
        await File.WriteAllTextAsync(
            file,
            $"server.host = \"127.0.0.1\"\nauthorization.acl.file = \"{acl}\"\n{settings}\n"
        );
        var (output, error) = (new StringWriter(), new StringWriter());
        var exitCode = await CommandLine.RunAsync([command, .. more, "--config", file], TextReader.Null, output, error);
        return (exitCode, output.ToString(), error.ToString());
    }
}
