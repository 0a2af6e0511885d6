using System.Globalization;
using System.Net;
using System.Text.Json;
using AkkaCharging.Journal;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Admin;

/// <summary>Requests over HTTP as operators find them, and the timeline of one.</summary>
[Trait("Category", "Component")]
public sealed class RequestEndpointTests : IAsyncLifetime
{
    private const string Requests = "/admin/requests";
    private const string OtherStation = "123e4567-e89b-42d3-a456-426614174009";
    private readonly FakeTimeProvider _time = new(
        DateTimeOffset.Parse("2030-01-01T00:00:00Z", CultureInfo.InvariantCulture)
    );
    private readonly ScriptedJournal _journal = new();
    private CallbackReceiver _receiver = null!;
    private RunningService _service = null!;

    public async Task InitializeAsync()
    {
        _receiver = await CallbackReceiver.StartAsync();
        _service = await RunningService.StartAsync(
            settings =>
                settings.WithServer(server => server with { ShutdownGrace = TimeSpan.Zero }) with
                {
                    // This wait is on the real clock, and no test sees its end.
                    Callback = settings.Callback with
                    {
                        RetryDelay = TimeSpan.FromSeconds(100),
                        MaxRetryDelay = TimeSpan.FromSeconds(200),
                    },
                },
            services =>
                services
                    .AddTime(_time)
                    .AddSingleton<IRequestJournal>(_journal)
                    .AddSingleton<IRequestSearch>(_journal.Search)
        );
    }

    public async Task DisposeAsync()
    {
        await _service.DisposeAsync();
        await _receiver.DisposeAsync();
    }

    [Fact]
    public async Task Search_FindsByEachField_NewestFirst_PageByPage()
    {
        var failed = await _service.FailAsync(_receiver);
        _time.Advance(TimeSpan.FromSeconds(1));
        _receiver.RespondWith(HttpStatusCode.NoContent);
        var delivered = await _service.AcceptAsync(_receiver.Url, station: OtherStation);
        await _service.StateAsync(delivered, "delivered");

        var all = await FindAsync("");
        var fingerprint = all.GetProperty("requests")[0].GetProperty("tokenFingerprint").GetString();
        Assert.Equal([delivered, failed], Ids(all));
        Assert.Equal([delivered, failed], Ids(await FindAsync($"?fingerprint={fingerprint}")));
        Assert.Empty(Ids(await FindAsync($"?fingerprint={new string('0', 32)}")));
        Assert.Equal([delivered], Ids(await FindAsync($"?station={OtherStation.ToUpperInvariant()}")));
        Assert.Equal([failed], Ids(await FindAsync("?state=failed")));
        Assert.Equal([failed], Ids(await FindAsync("?cause=http_status")));
        Assert.Empty(Ids(await FindAsync("?cause=tls")));
        Assert.Equal([delivered, failed], Ids(await FindAsync($"?destination={_receiver.Destination()}")));
        Assert.Empty(Ids(await FindAsync("?destination=https://elsewhere.example.com")));
        Assert.Equal([delivered], Ids(await FindAsync("?from=2030-01-01T00:00:01Z")));
        Assert.Equal([failed], Ids(await FindAsync("?to=2030-01-01T00:00:01Z")));
        Assert.Empty(Ids(await FindAsync("?state=delivered&cause=http_status")));

        var page = await FindAsync("?limit=1");
        Assert.Equal([delivered], Ids(page));
        Assert.Equal([failed], Ids(await FindAsync($"?limit=1&cursor={page.GetProperty("next").GetString()}")));
        Assert.Equal(JsonValueKind.Null, all.GetProperty("next").ValueKind);
    }

    [Theory]
    [InlineData("station=x", "station")]
    [InlineData("fingerprint=canary-token-0123456789", "fingerprint")]
    [InlineData("state=lost", "state")]
    [InlineData("cause=bad_luck", "cause")]
    [InlineData("cursor=x", "cursor")]
    [InlineData("limit=0", "limit")]
    [InlineData("driverToken=canary-token-0123456789", "query")]
    public async Task Search_RefusesWhatItDoesNotUnderstand_AndDoesNotRepeatIt(string query, string field)
    {
        var answer = await _service.Management.GetAsync($"{Requests}?{query}").ReadAsync(400);

        Assert.Equal(field, answer.GetProperty("errors")[0].GetProperty("field").GetString());
        Assert.DoesNotContain("canary", answer.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Timeline_OfAFailedRequest_TellsEachStep()
    {
        var id = await _service.FailAsync(_receiver);

        var shown = await ShowAsync(id);

        Assert.Equal(
            ["accepted", "decided", "attempt", "failed"],
            shown.GetProperty("timeline").EnumerateArray().Select(Event)
        );
        var attempt = shown.GetProperty("timeline")[2].GetProperty("attempt");
        Assert.Equal(
            (410, "http_error", "http_status"),
            (
                attempt.GetProperty("httpStatus").GetInt32(),
                attempt.GetProperty("outcome").GetString(),
                attempt.GetProperty("cause").GetString()
            )
        );
        Assert.Equal(JsonValueKind.Null, shown.GetProperty("receiver").ValueKind);
        Assert.Equal("in_acl", shown.GetProperty("request").GetProperty("reason").GetString());
    }

    [Fact]
    public async Task Timeline_OfAPendingRequest_TellsItsReceiver_ItsNextAttempt_AndItsExpiry()
    {
        _receiver.RespondWith(HttpStatusCode.ServiceUnavailable);
        var id = await _service.AcceptAsync(_receiver.Url);
        var shown = default(JsonElement);
        await Eventually.HoldsAsync(
            async () =>
            {
                shown = await ShowAsync(id);
                return shown.GetProperty("timeline").EnumerateArray().Any(step => Event(step) == "attempt");
            },
            "an attempt failed"
        );

        var timeline = shown.GetProperty("timeline").EnumerateArray().ToDictionary(Event, At, StringComparer.Ordinal);
        Assert.Equal(["accepted", "decided", "attempt", "next_attempt", "expiry"], timeline.Keys);
        Assert.Equal(timeline["attempt"] + 100_000, timeline["next_attempt"]); // callback.retryDelayMillis
        Assert.Equal(timeline["accepted"] + 300_000, timeline["expiry"]); // request.maxAgeMillis
        Assert.Equal(_receiver.Destination(), shown.GetProperty("receiver").GetProperty("destination").GetString());
    }

    [Fact]
    public async Task UnknownRequest_Is404_AndAJournalThatIsAway503()
    {
        await _service.Management.GetAsync($"{Requests}/req-01a20532-8232-74e2-9376-1944641a6752").ReadAsync(404);
        await _service.Management.GetAsync($"{Requests}/nonsense").ReadAsync(404);
        _journal.Fault = new JournalUnavailableException("disk full");

        await _service.Management.GetAsync($"{Requests}/req-01a20532-8232-74e2-9376-1944641a6752").ReadAsync(503);

        _journal.Fault = null;
    }

    private Task<JsonElement> FindAsync(string query) => _service.Management.GetAsync(Requests + query).ReadAsync();

    private Task<JsonElement> ShowAsync(string id) => _service.Management.GetAsync($"{Requests}/{id}").ReadAsync();

    private static string Event(JsonElement step) => step.GetProperty("event").GetString()!;

    private static long At(JsonElement step) => step.GetProperty("at").GetInt64();

    private static IEnumerable<string?> Ids(JsonElement page) =>
        page.GetProperty("requests").EnumerateArray().Select(request => request.GetProperty("requestId").GetString());
}
