using System.Globalization;
using System.Net;
using System.Text.Json;
using AkkaCharging.Host.Admin;
using AkkaCharging.Journal;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Admin;

/// <summary>Dead letters over HTTP: a real receiver that rejects them at first and accepts them later.</summary>
[Trait("Category", "Component")]
public sealed class DeadLetterEndpointTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(
        DateTimeOffset.Parse("2030-01-01T00:00:00Z", CultureInfo.InvariantCulture)
    );
    private readonly ScriptedJournal _journal = new();
    private readonly ScriptedDeadLetters _letters;
    private CallbackReceiver _receiver = null!;
    private RunningService _service = null!;

    public DeadLetterEndpointTests() => _letters = new(_journal.DeadLetters);

    public async Task InitializeAsync()
    {
        _receiver = await CallbackReceiver.StartAsync();
        _service = await RunningService.StartAsync(
            settings => settings with { Callback = settings.Callback with { RedrivesPerSecond = 1 } },
            services =>
                services.AddTime(_time).AddSingleton<IRequestJournal>(_journal).AddSingleton<IDeadLetterStore>(_letters)
        );
    }

    public async Task DisposeAsync()
    {
        await _service.DisposeAsync();
        await _receiver.DisposeAsync();
    }

    [Fact]
    public async Task List_HasWhatFailed_NewestFirst_PageByPage()
    {
        var first = await _service.FailAsync(_receiver);
        _time.Advance(TimeSpan.FromSeconds(1));
        var second = await _service.FailAsync(_receiver);

        var page = await _service.Management.GetAsync(Operators.Letters + "?limit=1").ReadAsync();
        var rest = await _service
            .Management.GetAsync($"{Operators.Letters}?limit=1&cursor={page.GetProperty("next").GetString()}")
            .ReadAsync();
        var all = await _service.Management.GetAsync(Operators.Letters).ReadAsync();

        Assert.Equal([second], Ids(page));
        Assert.Equal([first], Ids(rest));
        Assert.Equal([second, first], Ids(all));
        Assert.Equal(JsonValueKind.Null, all.GetProperty("next").ValueKind);
        Assert.Equal(
            $$"""
            {"requestId":"{{first}}","stationId":"{{RunningService.Station}}","driverToken":"allo***",
            "destination":"{{_receiver.Destination()}}","status":"allowed","attempts":1,
            "lastAttempt":{"at":1893456000000,"durationMs":0,"httpStatus":410,"outcome":"http_error","cause":"http_status"},
            "acceptedAt":1893456000000,"settledAt":1893456000000}
            """.ReplaceLineEndings(""),
            rest.GetProperty("deadLetters")[0].GetRawText()
        );
    }

    [Fact]
    public async Task List_IsFiltered_ByDestinationAndTime()
    {
        await using var other = await CallbackReceiver.StartAsync();
        var first = await _service.FailAsync(_receiver);
        _time.Advance(TimeSpan.FromHours(1));
        var second = await _service.FailAsync(other);

        async Task<string[]> ListAsync(string query) =>
            Ids(await _service.Management.GetAsync($"{Operators.Letters}?{query}").ReadAsync());

        Assert.Equal([first], await ListAsync($"destination={_receiver.Destination()}"));
        Assert.Equal([second], await ListAsync($"destination={other.Destination().ToUpperInvariant()}"));
        Assert.Empty(await ListAsync("destination=https://receiver.example.com"));
        Assert.Equal([second], await ListAsync("from=2030-01-01T01:00:00Z"));
        Assert.Equal([first], await ListAsync("to=2030-01-01T01:00:00Z"));
        Assert.Equal(
            [first],
            await ListAsync($"from=2030-01-01T02:00:00%2B02:00&to=1893459600000&destination={_receiver.Destination()}")
        );
        Assert.Equal([second], await ListAsync("acceptedFrom=2030-01-01T01:00:00Z&cause=http_status"));
        Assert.Equal([first], await ListAsync("acceptedTo=1893459600000"));
        Assert.Empty(await ListAsync("cause=connection_refused"));
    }

    [Theory]
    [InlineData("destination=receiver.example.com", "destination")]
    [InlineData("destination=https://receiver.example.com/canary-path", "destination")]
    [InlineData("destination=", "destination")]
    [InlineData("from=yesterday", "from")]
    [InlineData("from=2030-01-01T00:00:00", "from")]
    [InlineData("from=2030-01-01T00:00:00+02:00", "from")]
    [InlineData("to=-1", "to")]
    [InlineData("to=99999999999999999", "to")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=1001", "limit")]
    [InlineData("limit=+1", "limit")]
    [InlineData("cursor=x", "cursor")]
    [InlineData("limit=1&limit=2", "limit")]
    [InlineData("cause=canary", "cause")]
    [InlineData("acceptedFrom=1h&acceptedTo=", "acceptedFrom,acceptedTo")]
    [InlineData("destinaton=https://receiver.example.com", "query")]
    [InlineData("from=x&to=y&limit=z", "from,to,limit")]
    public async Task List_RefusesWhatItDoesNotUnderstand_AndNamesTheField(string query, string fields)
    {
        using var answer = await _service.Management.GetAsync($"{Operators.Letters}?{query}");

        Assert.Equal(fields.Split(','), (await Api.InvalidAsync(answer)).Select(error => error.Field));
        Assert.DoesNotContain("canary", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redrive_SendsOneAgain_Once()
    {
        var id = await _service.FailAsync(_receiver);
        _receiver.RespondWith(HttpStatusCode.NoContent);

        var redriven = await _service.ChangeAsync($"{Operators.Letters}/{id}/redrive").ReadAsync();
        await _service.StateAsync(id, "delivered");
        using var again = await _service.ChangeAsync($"{Operators.Letters}/{id}/redrive");

        Assert.Equal(
            $$"""{"status":"redriven","requestId":"{{id}}","timestamp":1893456000000}""",
            redriven.GetRawText()
        );
        Assert.Equal(
            "The request is not a dead letter: it did not fail, or it was already discarded or redriven.",
            await Api.RefusedAsync(again, 409, "conflict")
        );
        Assert.Equal([id, id], _receiver.Received.Select(callback => callback.WebhookId));
        await RecordedAsync($"\"Action\":\"redrive\",\"Target\":\"{id}\",\"Result\":\"redriven\"");
        await RecordedAsync($"\"Action\":\"redrive\",\"Target\":\"{id}\",\"Result\":\"conflict\"");
    }

    [Fact]
    public async Task Discard_GivesOneUp_Once()
    {
        var id = await _service.FailAsync(_receiver);

        var discarded = await _service.ChangeAsync($"{Operators.Letters}/{id}/discard", "{}").ReadAsync();
        using var again = await _service.ChangeAsync($"{Operators.Letters}/{id}/discard");
        using var redrive = await _service.ChangeAsync($"{Operators.Letters}/{id}/redrive");

        Assert.Equal(
            $$"""{"status":"discarded","requestId":"{{id}}","timestamp":1893456000000}""",
            discarded.GetRawText()
        );
        await Api.RefusedAsync(again, 409, "conflict");
        await Api.RefusedAsync(redrive, 409, "conflict");
        Assert.Empty(Ids(await _service.Management.GetAsync(Operators.Letters).ReadAsync()));
        await RecordedAsync($"\"Action\":\"discard\",\"Target\":\"{id}\",\"Result\":\"discarded\"");
    }

    [Theory]
    [InlineData("redrive")]
    [InlineData("discard")]
    public async Task UnknownLetter_Returns404(string change)
    {
        var absent = $"req-{Guid.CreateVersion7()}";

        foreach (var id in new[] { absent, "x", absent.ToUpperInvariant() })
        {
            using var answer = await _service.ChangeAsync($"{Operators.Letters}/{id}/{change}");
            Assert.Equal("No such request, or it is past retention.", await Api.RefusedAsync(answer, 404, "not_found"));
        }

        await RecordedAsync($"\"Action\":\"{change}\",\"Target\":\"{absent}\",\"Result\":\"not_found\"");
    }

    [Fact]
    public async Task RedriveOfMany_SendsWhatMatches_AndTellsHowFarItIs()
    {
        await using var other = await CallbackReceiver.StartAsync();
        string[] ids = [await _service.FailAsync(_receiver), await _service.FailAsync(_receiver)];
        var apart = await _service.FailAsync(other);
        using (var none = await _service.Management.GetAsync(Operators.Letters + "/redrive"))
            Assert.Equal(
                "No bulk redrive has been started since the service started.",
                await Api.RefusedAsync(none, 404, "not_found")
            );
        _time.Advance(TimeSpan.FromSeconds(1));
        _receiver.RespondWith(HttpStatusCode.NoContent);

        var begun = await _service
            .ChangeAsync(
                Operators.Letters + "/redrive",
                $$"""{"destination":"{{_receiver.Destination()}}","from":1893456000000,"to":"2031-01-01T00:00:00Z"}"""
            )
            .ReadAsync(202);
        using var second = await _service.ChangeAsync(Operators.Letters + "/redrive", """{"all":true}""");

        Assert.Equal("running", begun.GetProperty("state").GetString());
        Assert.Equal(2, begun.GetProperty("matched").GetInt64());
        Assert.Equal(_receiver.Destination(), begun.GetProperty("destination").GetString());
        Assert.Equal(
            (1_893_456_000_000, 1_893_456_001_000),
            (begun.GetProperty("from").GetInt64(), begun.GetProperty("to").GetInt64())
        );
        Assert.Equal(
            "Another bulk redrive is running, or the service is stopping.",
            await Api.RefusedAsync(second, 409, "conflict")
        );
        await ProgressAsync("running", redriven: 1);
        await UntilAsync("done", advance: true);
        var done = await ProgressAsync("done", redriven: 2);
        Assert.True(done.GetProperty("endedAt").GetInt64() > done.GetProperty("startedAt").GetInt64());
        foreach (var id in ids)
            await _service.StateAsync(id, "delivered");
        Assert.Equal([apart], Ids(await _service.Management.GetAsync(Operators.Letters).ReadAsync()));
        await RecordedAsync(
            $"\"Action\":\"redrive many\",\"Target\":\"destination {_receiver.Destination()}, from "
                + "2030-01-01T00:00:00.0000000+00:00, to 2031-01-01T00:00:00.0000000+00:00\",\"Result\":\"started "
                + "for 2 matching dead letters\""
        );
    }

    [Fact]
    public async Task Preview_TellsWhatARedriveWouldSend_WhichIsRefusedForAnotherNumber()
    {
        await using var other = await CallbackReceiver.StartAsync();
        await _service.FailAsync(_receiver);
        await _service.FailAsync(other);
        _time.Advance(TimeSpan.FromHours(2));
        await _service.FailAsync(_receiver);
        _time.Advance(TimeSpan.FromSeconds(1));
        var to = _time.GetUtcNow().ToUnixTimeMilliseconds();

        var preview = await _service
            .Management.GetAsync($"{Operators.Letters}/preview?destination={_receiver.Destination()}")
            .ReadAsync();

        Assert.Equal(
            $$$"""
            {"to":{{{to}}},"matched":2,"lookedAt":2,"causes":{"http_status":2},
            "ages":{"underAnHour":1,"underADay":1,"older":0},"expired":1}
            """.ReplaceLineEndings(""),
            preview.GetRawText()
        );
        _time.Advance(TimeSpan.FromSeconds(1));
        await _service.FailAsync(_receiver); // later than the preview: it does not count
        _time.Advance(TimeSpan.FromSeconds(1));
        using var wrong = await RedriveAsync(count: 3);
        Assert.Equal(
            "2 dead letters match, and 3 were confirmed. Look at the preview again.",
            await Api.RefusedAsync(wrong, 409, "conflict")
        );
        using var none = await _service.Management.GetAsync(Operators.Letters + "/redrive");
        Assert.Equal(404, (int)none.StatusCode);
        var young = await _service
            .Management.GetAsync($"{Operators.Letters}/preview?cause=http_status&acceptedFrom=1893459600000&to={to}")
            .ReadAsync();
        Assert.Equal("""{"http_status":1}""", young.GetProperty("causes").GetRawText());
        var begun = await RedriveAsync(count: 1, ""","acceptedFrom":"2030-01-01T01:00:00Z","cause":"http_status" """)
            .ReadAsync(202);
        Assert.Equal(
            ("http_status", 1_893_459_600_000, JsonValueKind.Null, 1),
            (
                begun.GetProperty("cause").GetString(),
                begun.GetProperty("acceptedFrom").GetInt64(),
                begun.GetProperty("acceptedTo").ValueKind,
                begun.GetProperty("matched").GetInt64()
            )
        );
        await RecordedAsync(
            $"\"Action\":\"redrive many\",\"Target\":\"destination {_receiver.Destination()}, to "
                + "2030-01-01T02:00:01.0000000+00:00, cause http_status, accepted from "
                + "2030-01-01T01:00:00.0000000+00:00\",\"Result\":\"started for 1 matching dead letters\""
        );

        Task<HttpResponseMessage> RedriveAsync(int count, string more = "") =>
            _service.ChangeAsync(
                Operators.Letters + "/redrive",
                $$"""{"destination":"{{_receiver.Destination()}}","to":{{to}},"count":{{count}}{{more}}}"""
            );
    }

    [Theory]
    [InlineData("limit=1", "query")]
    [InlineData("from=x&to=y&destination=z", "destination,from,to")]
    public async Task Preview_RefusesWhatItDoesNotUnderstand(string query, string fields)
    {
        using var answer = await _service.Management.GetAsync($"{Operators.Letters}/preview?{query}");

        Assert.Equal(fields.Split(','), (await Api.InvalidAsync(answer)).Select(error => error.Field));
    }

    [Fact]
    public async Task LatestChanges_AreListed_NewestFirst()
    {
        var id = await _service.FailAsync(_receiver);
        var absent = $"req-{Guid.CreateVersion7()}";
        for (var i = 0; i < OperatorAudit.KeptMax; i++)
            using (await _service.ChangeAsync($"{Operators.Letters}/{absent}/redrive")) { }
        _time.Advance(TimeSpan.FromSeconds(1));
        await _service.ChangeAsync($"{Operators.Letters}/{id}/discard").ReadAsync();

        var actions = (await _service.Management.GetAsync("/admin/actions").ReadAsync()).GetProperty("actions");

        Assert.Equal(OperatorAudit.KeptMax, actions.GetArrayLength());
        Assert.Equal(
            $$"""
            {"at":1893456001000,"operator":"loopback","remote":"127.0.0.1","action":"discard","target":"{{id}}",
            "result":"discarded"}
            """.ReplaceLineEndings(""),
            actions[0].GetRawText()
        );
        Assert.Equal(absent, actions[1].GetProperty("target").GetString());
        Assert.Equal("not_found", actions[1].GetProperty("result").GetString());
    }

    [Fact]
    public async Task RedriveOfMany_IsCancelled()
    {
        await _service.FailAsync(_receiver);
        await _service.FailAsync(_receiver);
        _time.Advance(TimeSpan.FromSeconds(1));
        using (var early = await _service.ChangeAsync(Operators.Letters + "/redrive/cancel"))
            Assert.Equal("No bulk redrive is running.", await Api.RefusedAsync(early, 409, "conflict"));
        await _service.ChangeAsync(Operators.Letters + "/redrive", """{"all":true}""").ReadAsync(202);
        await ProgressAsync("running", redriven: 1);

        await _service.ChangeAsync(Operators.Letters + "/redrive/cancel").ReadAsync(202);

        await UntilAsync("cancelled", advance: false);
        await ProgressAsync("cancelled", redriven: 1);
        using var late = await _service.ChangeAsync(Operators.Letters + "/redrive/cancel");
        await Api.RefusedAsync(late, 409, "conflict");
        await RecordedAsync("\"Action\":\"cancel\",\"Target\":\"bulk redrive\",\"Result\":\"cancelled\"");
    }

    [Theory]
    [InlineData("", "body")]
    [InlineData("{", "body")]
    [InlineData("null", "body")]
    [InlineData("[]", "body")]
    [InlineData("""{"destinaton":"https://receiver.example.com"}""", "body")]
    [InlineData("""{"from":"2030-01-01T00:00:00Z","from":"2020-01-01T00:00:00Z"}""", "body")]
    [InlineData("""{"destination":1}""", "body")]
    [InlineData("""{"destination":"\ud800"}""", "body")]
    [InlineData("""{"all":"true"}""", "body")]
    [InlineData("{}", "all")]
    [InlineData("""{"all":false,"destination":null}""", "all")]
    [InlineData("""{"all":true,"from":1}""", "all")]
    [InlineData("""{"all":true,"cause":"tls"}""", "all")]
    [InlineData("""{"all":true,"acceptedTo":1}""", "all")]
    [InlineData("""{"cause":"canary"}""", "cause")]
    [InlineData("""{"acceptedFrom":true,"acceptedTo":"canary"}""", "acceptedFrom,acceptedTo")]
    [InlineData("""{"destination":"https://receiver.example.com/canary-path"}""", "destination")]
    [InlineData("""{"from":"canary","to":true}""", "from,to")]
    [InlineData("""{"from":1.5}""", "from")]
    [InlineData("""{"all":true,"count":-1}""", "count")]
    [InlineData("""{"all":true,"count":"1"}""", "body")]
    [InlineData("""{"from":"\ud800"}""", "from")]
    public async Task RedriveOfMany_NeedsAFilterThatIsUnderstood(string body, string fields)
    {
        using var answer = await _service.ChangeAsync(Operators.Letters + "/redrive", body);

        Assert.Equal(fields.Split(','), (await Api.InvalidAsync(answer)).Select(error => error.Field));
        Assert.DoesNotContain("canary", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var none = await _service.Management.GetAsync(Operators.Letters + "/redrive");
        Assert.Equal(404, (int)none.StatusCode);
    }

    [Fact]
    public async Task BodyOverTheLimit_Returns413()
    {
        using var answer = await _service.ChangeAsync(Operators.Letters + "/redrive", new string(' ', 9_000));

        await Api.RefusedAsync(answer, 413, "payload_too_large");
    }

    [Fact]
    public async Task JournalThatIsAway_Returns503_ThatIsRecorded()
    {
        var id = await _service.FailAsync(_receiver);
        _letters.Fault = new JournalUnavailableException("canary: disk full");

        await UnavailableAsync(_service.Management.GetAsync(Operators.Letters));
        await UnavailableAsync(_service.Management.GetAsync(Operators.Letters + "/preview"));
        await UnavailableAsync(_service.ChangeAsync($"{Operators.Letters}/{id}/redrive"));
        await UnavailableAsync(_service.ChangeAsync($"{Operators.Letters}/{id}/discard"));
        await UnavailableAsync(_service.ChangeAsync($"{Operators.Letters}/redrive", """{"all":true}"""));
        _letters.Fault = null;

        Assert.Equal([id], Ids(await _service.Management.GetAsync(Operators.Letters).ReadAsync()));
        await RecordedAsync($"\"Action\":\"discard\",\"Target\":\"{id}\",\"Result\":\"journal_unavailable\"");

        static async Task UnavailableAsync(Task<HttpResponseMessage> answering)
        {
            using var answer = await answering;
            Assert.Equal("The journal is not available.", await Api.RefusedAsync(answer, 503, "journal_unavailable"));
            Assert.NotNull(answer.Headers.RetryAfter);
        }
    }

    [Fact]
    public async Task Defect_Returns500_ThatIsRecorded()
    {
        var id = await _service.FailAsync(_receiver);
        _letters.Fault = new InvalidOperationException("canary-defect");

        using (var answer = await _service.ChangeAsync($"{Operators.Letters}/{id}/discard"))
            Assert.Equal("An internal error occurred.", await Api.RefusedAsync(answer, 500, "internal_error"));
        _letters.Fault = null;

        await RecordedAsync($"\"Action\":\"discard\",\"Target\":\"{id}\",\"Result\":\"internal_error\"");
    }

    [Fact]
    public async Task NoRoom_Returns409_WithATimeToComeBack()
    {
        await using var service = await RunningService.StartAsync(
            settings => settings.WithServer(server => server with { ShutdownGrace = TimeSpan.Zero }),
            services => services.AddTime(_time)
        );
        var id = await service.FailAsync(_receiver);
        await service.App.Services.GetRequiredService<AkkaCharging.DeadLetters.DeadLetterOperations>().StopAsync();

        using var answer = await service.ChangeAsync($"{Operators.Letters}/{id}/redrive");

        Assert.Equal(
            "The queue has no room for the request at present, or the service is stopping. Try again later.",
            await Api.RefusedAsync(answer, 409, "conflict")
        );
        Assert.Equal(TimeSpan.FromSeconds(1), answer.Headers.RetryAfter!.Delta);
    }

    [Fact]
    public async Task Answers_HoldNoSecret()
    {
        _receiver.RespondWith(HttpStatusCode.Gone);
        var id = await _service.AcceptAsync(_receiver.Url + "/canary-path?canary=query", "canary-driver-token-4711");
        await _service.StateAsync(id, "failed");

        var answers = new List<string>();
        foreach (var path in new[] { Operators.Letters, "/admin/destinations", "/admin/config", "/openapi/admin.json" })
            answers.Add(await _service.Management.GetStringAsync(path));
        foreach (
            var path in new[]
            {
                $"{Operators.Letters}/{id}/redrive",
                $"{Operators.Letters}/{id}/discard",
                $"{Operators.Letters}/redrive",
            }
        )
            answers.Add(await (await _service.ChangeAsync(path, """{"all":true}""")).Content.ReadAsStringAsync());
        answers.Add(await _service.Management.GetStringAsync(Operators.Letters + "/redrive"));

        Assert.Contains(id, answers[0], StringComparison.Ordinal);
        Assert.All(answers, answer => Assert.DoesNotContain("canary", answer, StringComparison.Ordinal));
    }

    private static string[] Ids(JsonElement page) =>
        [
            .. page.GetProperty("deadLetters")
                .EnumerateArray()
                .Select(letter => letter.GetProperty("requestId").GetString()!),
        ];

    private static Task RecordedAsync(string fields) =>
        Eventually.HoldsAsync(
            () =>
                CapturedConsole.Text.Contains(
                    $"\"Operator\":\"loopback\",\"Remote\":\"127.0.0.1\",{fields}",
                    StringComparison.Ordinal
                ),
            $"the log tells {fields}"
        );

    private async Task<JsonElement> ProgressAsync(string state, long redriven)
    {
        JsonElement progress = default;
        await Eventually.HoldsAsync(
            async () =>
            {
                progress = await _service.Management.GetAsync(Operators.Letters + "/redrive").ReadAsync();
                return progress.GetProperty("redriven").GetInt64() == redriven;
            },
            $"{redriven} are redriven"
        );
        Assert.Equal(state, progress.GetProperty("state").GetString());
        Assert.Equal(2 - redriven, progress.GetProperty("remaining").GetInt64());
        return progress;
    }

    private Task UntilAsync(string state, bool advance) =>
        Eventually.HoldsAsync(
            async () =>
            {
                if (advance)
                    _time.Advance(TimeSpan.FromSeconds(1));
                return (await _service.Management.GetAsync(Operators.Letters + "/redrive").ReadAsync())
                        .GetProperty("state")
                        .GetString() == state;
            },
            $"the redrive is {state}"
        );
}
