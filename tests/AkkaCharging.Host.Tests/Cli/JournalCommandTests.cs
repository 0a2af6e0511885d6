using System.Text;
using System.Text.Json;
using AkkaCharging.Host.Cli;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests.Cli;

/// <summary>The commands that read the journal, <c>audit</c> and <c>request</c>, while its owner is running.</summary>
[Trait("Category", "Component")]
public sealed class JournalCommandTests : IAsyncLifetime
{
    private const string Token = "canary-token-0123456789";
    private const string OtherToken = "other-canary-token-0123456789";
    private const string OtherStation = "00000000-0000-4000-8000-00000000ABCD";
    private static readonly DateTimeOffset Noon = new(2026, 3, 4, 12, 0, 0, TimeSpan.Zero);

    private readonly string _folder = Directory.CreateTempSubdirectory("akkacharging-audit-").FullName;
    private SqliteJournal _journal = null!;
    private ChargingRequest _first = null!;
    private ChargingRequest _second = null!;

    private JournalSettings Journal =>
        SettingsLoader.Defaults.Journal with
        {
            Kind = JournalKind.Sqlite,
            Path = Path.Combine(_folder, "journal.db"),
        };

    /// <summary>
    /// Two requests: a settled one and, a second later, an undecided one of another station and driver. The owner keeps
    /// running.
    /// </summary>
    public async Task InitializeAsync()
    {
        _journal = new SqliteJournal(Journal, TimeProvider.System);
        await _journal.StartAsync(default);
        _first = Request(Noon, RunningService.Station, Token) with { ApiKeyName = "fleet\u001b[2J" };
        _second = Request(Noon.AddSeconds(1), OtherStation, OtherToken);
        await _journal.AcceptAsync(_first, idempotency: null, default);
        await _journal.AcceptAsync(_second, idempotency: null, default);
        await _journal.DecideAsync(
            _first.Id,
            new(AuthorizationStatus.NotAllowed, DecisionReason.StationNotAllowed, Noon.AddMilliseconds(2)),
            default
        );
        var attempt = new CallbackAttempt(
            Noon.AddMilliseconds(3),
            TimeSpan.FromMilliseconds(1),
            HttpStatus: 500,
            CallbackOutcome.HttpError,
            AttemptCause.HttpStatus
        );
        await _journal.SettleAsync(_first.Id, new(RequestState.Failed, Noon.AddMilliseconds(4), attempt), default);
    }

    public async Task DisposeAsync()
    {
        await _journal.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Table_IsAligned_NewestFirst_WhileTheServiceRuns()
    {
        var (exitCode, output, error) = await AuditAsync();

        Assert.Equal((0, ""), (exitCode, error));
        var lines = output.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.Equal(
            $"{_second.Id}  {OtherStation}  othe***  {Fingerprint(OtherToken)}  -            -                   "
                + " queued     "
                + "2026-03-04T12:00:01.000Z  -                         -                         -",
            lines[1]
        );
        Assert.Equal(
            $"{_first.Id}  {RunningService.Station}  cana***  {Fingerprint(Token)}  not_allowed  "
                + "station_not_allowed  failed     "
                + "2026-03-04T12:00:00.000Z  2026-03-04T12:00:00.002Z  2026-03-04T12:00:00.004Z  fleet?[2J",
            lines[2]
        );
        foreach (
            var (title, value) in ((string, string)[])
                [
                    ("STATION", OtherStation),
                    ("FINGERPRINT", Fingerprint(OtherToken)),
                    ("STATE", "queued"),
                    ("ACCEPTED", "2026"),
                ]
        )
            Assert.Equal(
                lines[0].IndexOf($"  {title}", StringComparison.Ordinal),
                lines[1].IndexOf($"  {value}", StringComparison.Ordinal)
            );
    }

    [Fact]
    public async Task Json_IsOneObjectALine_AfterTheServiceEnded()
    {
        await _journal.DisposeAsync();

        var (exitCode, output, error) = await AuditAsync("--json");

        Assert.Equal((0, ""), (exitCode, error));
        var lines = output
            .Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonSerializer.Deserialize<JsonElement>(line))
            .ToList();
        Assert.Equal(
            ["requestId", "stationId", "driverToken", "tokenFingerprint", "state", "acceptedAt"],
            lines[0].EnumerateObject().Select(property => property.Name)
        );
        Assert.Equal(
            $$"""
            {"requestId":"{{_first.Id}}","stationId":"{{RunningService.Station}}","driverToken":"cana***","tokenFingerprint":"{{Fingerprint(
                Token
            )}}","state":"failed",
            "status":"not_allowed","reason":"station_not_allowed","acceptedAt":"2026-03-04T12:00:00Z",
            "decidedAt":"2026-03-04T12:00:00.002Z",
            "settledAt":"2026-03-04T12:00:00.004Z","apiKeyName":"fleet\u001B[2J"}
            """.ReplaceLineEndings(
                ""
            ),
            lines[1].GetRawText()
        );
    }

    [Theory]
    [InlineData(new string[0], 2)]
    [InlineData(new[] { "--station", RunningService.Station }, 1)]
    [InlineData(new[] { "--station", "00000000-0000-4000-8000-00000000abcd" }, 1)]
    [InlineData(new[] { "--station", "00000000-0000-4000-8000-000000000000" }, 0)]
    [InlineData(new[] { "--from", "2026-03-04T12:00:01Z" }, 1)]
    [InlineData(new[] { "--to", "2026-03-04T13:00:01+01:00" }, 1)]
    [InlineData(new[] { "--from", "2026-03-04T12:00:00Z", "--to", "2026-03-04T12:00:02Z" }, 2)]
    [InlineData(new[] { "--from", "2026-03-04T12:00:02Z" }, 0)]
    [InlineData(new[] { "--limit", "2" }, 2)]
    [InlineData(new[] { "--state", "failed" }, 1)]
    [InlineData(new[] { "--state", "expired" }, 0)]
    [InlineData(new[] { "--cause", "http_status" }, 1)]
    [InlineData(new[] { "--cause", "tls" }, 0)]
    [InlineData(new[] { "--destination", "http://127.0.0.1:8080" }, 2)]
    [InlineData(new[] { "--destination", "http://127.0.0.1:8081" }, 0)]
    public async Task Filters_Narrow(string[] options, int expected)
    {
        var (exitCode, output, error) = await AuditAsync([.. options, "--json"]);

        Assert.Equal((0, "", expected), (exitCode, error, output.Count('\n')));
    }

    [Fact]
    public async Task Limit_KeepsTheNewest_AndSaysThatThereAreMore()
    {
        var (exitCode, output, error) = await AuditAsync("--limit", "1", "--json");

        Assert.Equal((0, 1), (exitCode, output.Count('\n')));
        Assert.Contains(_second.Id.ToString(), output, StringComparison.Ordinal);
        Assert.StartsWith("There are more than 1: ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TokenOnStandardInput_FindsWhatItsFingerprintFinds_AndAppearsNowhere()
    {
        var byToken = await RunAsync($"{Token}\n", "audit", "--config", Config(), "--json", "--token-stdin");
        var byFingerprint = await AuditAsync("--json", "--token-fingerprint", Fingerprint(Token).ToUpperInvariant());

        Assert.Equal((0, ""), (byToken.ExitCode, byToken.Error));
        Assert.Equal(byFingerprint, byToken);
        Assert.Contains(_first.Id.ToString(), byToken.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(_second.Id.ToString(), byToken.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("canary!")]
    [InlineData("canary token with spaces in it")]
    public async Task NoTokenOnStandardInput_Exits1_WithoutRepeatingIt(string text)
    {
        var (exitCode, output, error) = await RunAsync(text, "audit", "--config", Config(), "--token-stdin");

        Assert.Equal((1, ""), (exitCode, output));
        Assert.StartsWith("Standard input contains no driver token; expected 4-80 ", error, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MissingKey_MattersToATokenAlone()
    {
        await _journal.DisposeAsync();
        File.Delete(Journal.Path + ".key");

        Assert.Equal(0, (await AuditAsync()).ExitCode);
        var (exitCode, _, error) = await RunAsync(Token, "audit", "--config", Config(), "--token-stdin");

        Assert.Equal(1, exitCode);
        Assert.Contains("journal.db.key is missing", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--station expects a station's UUID.", "--station", "canary")]
    [InlineData("--token-fingerprint expects 32 hexadecimal digits.", "--token-fingerprint", Token)]
    [InlineData("--from expects an RFC 3339 time with offset, such as 2026-01-31T18:00:00Z.", "--from", "2026-03-04")]
    [InlineData("--to expects an RFC 3339 time with offset", "--to", "2026-03-04T12:00:00")]
    [InlineData("--limit expects a whole number of at least 1.", "--limit", "0")]
    [InlineData("--limit expects a whole number of at least 1.", "--limit", "many")]
    [InlineData("cannot be combined", "--token-fingerprint", "00112233445566778899aabbccddeeff", "--token-stdin")]
    [InlineData("--sation", "--sation", "x")]
    public async Task BadOption_Exits1_AndSaysWhatIsExpected(string expected, params string[] options)
    {
        var (exitCode, output, error) = await AuditAsync(options);

        Assert.Equal(1, exitCode);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", output + error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("journal.kind = memory", "journal.kind = memory stores nothing that can be read here")]
    [InlineData(
        "journal { kind = sqlite, path = \"absent.db\" }",
        "There is no journal absent.db; journal.path names it."
    )]
    [InlineData(
        "journal { kind = postgres, connectionString = \"nonsense\", encryptionKeys = "
            + "[\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\"] }",
        "journal.connectionString cannot be read"
    )]
    [InlineData("server.port = x", "server.port")]
    public async Task SettingsWithNothingToAudit_Exit1(string settings, string expected)
    {
        var (exitCode, output, error) = await RunAsync("", "audit", "--config", Config(settings));

        Assert.Equal((1, ""), (exitCode, output));
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("audit")]
    [InlineData("request", "list")]
    [InlineData("request", "show", "req-01a20532-8232-74e2-9376-1944641a6752")]
    public async Task JournalOfAnOlderVersion_Exits1_AndSaysThatAStartUpgradesIt(params string[] command)
    {
        await _journal.DisposeAsync();
        SqliteRows.MakeOlder(Journal.Path);

        var (exitCode, output, error) = await RunAsync("", [.. command, "--config", Config()]);

        Assert.Equal((1, ""), (exitCode, output));
        Assert.StartsWith(
            $"The journal {Journal.Path} has schema version 3; this version of the service expects "
                + $"{SqliteSchema.Version}. A start of the service upgrades it.",
            error,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task NoOutput_HoldsATokenOrACallbackPath()
    {
        foreach (
            var options in (string[][])
                [
                    [],
                    ["--json"],
                ]
        )
        {
            var (_, output, error) = await RunAsync(
                Token,
                ["audit", "--config", Config(), "--token-stdin", .. options]
            );
            Assert.Contains(_first.Id.ToString(), output, StringComparison.Ordinal);
            Assert.DoesNotContain("canary", output + error, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public async Task RequestList_HasStateAndCause_AndTheSameFilters()
    {
        var (exitCode, output, error) = await RequestAsync("list", "--state", "failed");

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Equal(
            $"{_first.Id}  failed     not_allowed  station_not_allowed  2026-03-04T12:00:00.000Z  1         "
                + $"http_status         {RunningService.Station}  http://127.0.0.1:8080",
            output.Split(Environment.NewLine)[1]
        );

        var json = (await RequestAsync("list", "--json")).Output.Split(Environment.NewLine);
        Assert.Equal(
            [_second.Id.ToString(), _first.Id.ToString()],
            json.Take(2)
                .Select(line => JsonSerializer.Deserialize<JsonElement>(line).GetProperty("requestId").GetString())
        );
    }

    [Fact]
    public async Task RequestShow_TellsEachStep_AndNoSecret()
    {
        var (exitCode, output, error) = await RequestAsync("show", _first.Id.ToString());

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Equal(
            $"""
            request      {_first.Id}
            state        failed
            decision     not_allowed (station_not_allowed)
            station      {RunningService.Station}
            driver       cana*** (fingerprint {Fingerprint(Token)})
            destination  http://127.0.0.1:8080
            API key      fleet?[2J

            2026-03-04T12:00:00.000Z  accepted
            2026-03-04T12:00:00.002Z  decided, after 2 ms
            2026-03-04T12:00:00.003Z  attempt, 500 (http_status), 1 ms
            2026-03-04T12:00:00.004Z  failed

            """,
            output,
            ignoreLineEndingDifferences: true
        );
        var shown = JsonSerializer.Deserialize<JsonElement>(
            (await RequestAsync("show", _first.Id.ToString(), "--json")).Output
        );
        Assert.Equal(4, shown.GetProperty("timeline").GetArrayLength());
        Assert.DoesNotContain("canary", output + shown, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("req-01a20532-8232-74e2-9376-1944641a6752")]
    [InlineData("canary")]
    public async Task RequestShow_OfAnUnknownOne_Exits1(string id)
    {
        var (exitCode, output, error) = await RequestAsync("show", id);

        Assert.Equal(
            (1, "", $"There is no such request, or it is past retention.{Environment.NewLine}"),
            (exitCode, output, error)
        );
    }

    [Fact]
    public async Task RequestShow_OfADamagedOne_Exits1_AndSaysWhy()
    {
        SqliteRows.Damage(Journal.Path, _first.Id, "attempts = 'canary'");

        var (exitCode, output, error) = await RequestAsync("show", _first.Id.ToString());

        Assert.Equal(
            (
                1,
                "",
                $"{_first.Id} cannot be read: A column contains an unexpected value "
                    + $"(FormatException).{Environment.NewLine}"
            ),
            (exitCode, output, error)
        );
    }

    private static ChargingRequest Request(DateTimeOffset at, string station, string token) =>
        new(
            RequestId.New(at),
            StationId.TryCreate(station)!,
            DriverToken.TryCreate(token)!,
            CallbackUrl.FromJournal("http://127.0.0.1:8080/canary-path?key=canary"),
            at,
            at.AddMinutes(5)
        );

    private string Fingerprint(string token) =>
        Convert.ToHexStringLower(_journal.Hasher.Fingerprint(DriverToken.TryCreate(token)!));

    [Fact]
    public async Task OutputThatCannotBeWritten_Exits1_WithAMessage()
    {
        await using var full = new FullWriter();
        await using var error = new StringWriter();

        var exitCode = await CommandLine.RunAsync(["audit", "--config", Config()], TextReader.Null, full, error);

        Assert.Equal((1, FullWriter.Problem), (exitCode, error.ToString().Trim()));
    }

    private Task<(int ExitCode, string Output, string Error)> AuditAsync(params string[] options) =>
        RunAsync("", ["audit", "--config", Config(), .. options]);

    private Task<(int ExitCode, string Output, string Error)> RequestAsync(params string[] options) =>
        RunAsync("", ["request", .. options, "--config", Config()]);

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(string input, params string[] args)
    {
        using var reader = new StringReader(input);
        var (output, error) = (new StringWriter(), new StringWriter());
        var exitCode = await CommandLine.RunAsync(args, reader, output, error);
        return (exitCode, output.ToString(), error.ToString());
    }

    private string Config(string? journal = null)
    {
        var file = Path.Combine(_folder, $"{Guid.NewGuid():N}.conf");
        File.WriteAllText(
            file,
            $"server.host = \"127.0.0.1\"\n{journal ?? $"journal {{ kind = sqlite, path = \"{Journal.Path}\" }}"}\n"
        );
        return file;
    }

    /// <summary>Fails like <c>/dev/full</c>.</summary>
    private sealed class FullWriter : TextWriter
    {
        public const string Problem = "No space left on device";

        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => throw new IOException(Problem);
    }
}
