using System.Text.RegularExpressions;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Browser;

namespace AkkaCharging.Host.Tests.Development;

[Trait("Category", "Component")]
public sealed partial class DevelopmentTests : IAsyncLifetime
{
    private RunningService _service = null!;

    public async Task InitializeAsync() =>
        _service = await RunningService.StartAsync(settings =>
            settings.WithServer(server => server with { Development = true })
        );

    public async Task DisposeAsync() => await _service.DisposeAsync();

    [Fact]
    public async Task DemoReceiver_ShowsTheCallbackOfASubmission()
    {
        var id = await _service.AcceptAsync(new Uri(_service.Http.BaseAddress!, "/dev/callbacks").ToString());

        await Eventually.HoldsAsync(
            async () => (await _service.GetAsync("/dev/callbacks")).GetArrayLength() == 1,
            "the callback"
        );
        var callback = (await _service.GetAsync("/dev/callbacks"))[0];
        Assert.Equal(["at", "webhookId", "body"], Api.Names(callback));
        Assert.Equal(
            (id, "allowed"),
            (
                callback.GetProperty("webhookId").GetString(),
                callback.GetProperty("body").GetProperty("status").GetString()
            )
        );
    }

    [Fact]
    public async Task DemoReceiver_KeepsTheLastHundred_NewestFirst()
    {
        for (var i = 0; i < 103; i++)
            Assert.Equal(
                204,
                (int)(await _service.Http.PostAsync("/dev/callbacks", Api.Json($$"""{"n":{{i}}}"""))).StatusCode
            );

        var kept = await _service.GetAsync("/dev/callbacks");

        Assert.Equal(
            Enumerable.Range(3, 100).Reverse(),
            kept.EnumerateArray().Select(callback => callback.GetProperty("body").GetProperty("n").GetInt32())
        );
    }

    [Theory]
    [InlineData("{", "application/json")]
    [InlineData("", "application/json")]
    [InlineData("{}", "text/plain")]
    [InlineData("{}", "application/json; charset=nonsense")]
    public async Task DemoReceiver_RefusesWhatIsNotJson(string body, string contentType)
    {
        var content = Api.Json(body);
        content.Headers.ContentType = System.Net.Http.Headers.MediaTypeHeaderValue.Parse(contentType);

        using var answer = await _service.Http.PostAsync("/dev/callbacks", content);

        Assert.Equal("Expected a JSON body.", await Api.RefusedAsync(answer, 400, "bad_request"));
    }

    [Fact]
    public async Task DemoReceiver_RefusesALongBody_AsTheCallersFault()
    {
        using var answer = await _service.Http.PostAsync("/dev/callbacks", Api.Json($"\"{new string('x', 200_000)}\""));

        await Api.RefusedAsync(answer, 413, "payload_too_large");
    }

    [Fact]
    public async Task DemoReceiver_GivesUpASlowBody()
    {
        await using var impatient = await RunningService.StartAsync(settings =>
            settings.WithServer(server =>
                server with
                {
                    Development = true,
                    RequestTimeout = TimeSpan.FromMilliseconds(300),
                }
            )
        );

        var answer = await RawHttp.ExchangeAsync(
            impatient,
            "POST /dev/callbacks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Content-Length: 100\r\n\r\n{\"n\":"
        );

        Assert.Equal(408, answer.StatusCode);
        Assert.Equal("The body did not arrive within 300 ms.", Api.Refused(answer.Json, "request_timeout"));
    }

    [Fact]
    public async Task Page_LoadsNothingFromElsewhere()
    {
        var page = await _service.Http.GetAsync("/docs/");
        var html = await page.Content.ReadAsStringAsync();

        Assert.Equal("text/html", page.Content.Headers.ContentType?.MediaType);
        Assert.StartsWith(
            "default-src 'self'; ",
            page.Headers.GetValues("Content-Security-Policy").Single(),
            StringComparison.Ordinal
        );
        Assert.DoesNotContain("://", html, StringComparison.Ordinal);
        var sources = Sources().Matches(html).Select(match => match.Groups[1].Value).ToList();
        Assert.NotEmpty(sources);
        Assert.Contains("openapi/v1.json", html, StringComparison.Ordinal);
        foreach (var source in sources)
            Assert.Contains(
                "javascript",
                (await _service.Http.GetAsync("/docs/" + source)).Content.Headers.ContentType?.MediaType,
                StringComparison.Ordinal
            );
    }

    [Fact]
    public async Task Page_ShowsTheDescription_UnderItsPolicy_InARealBrowser()
    {
        await using var chromium = await Chromium.StartAsync();
        await using var page = await chromium.OpenAsync(new Uri(_service.Http.BaseAddress!, "/docs/"));

        await page.ShowsAsync("body", "Submit a charging session for authorization");

        Assert.Empty(page.Complaints);
    }

    [Fact]
    public async Task Page_IsConfinedWithTheDescription()
    {
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithServer(server => server with { Development = true }) with
            {
                Management = settings.Management with { Port = 0, Confine = [ConfinedPage.OpenApi] },
            }
        );

        using var here = await service.Management.GetAsync("/docs/");
        using var gone = await service.Http.GetAsync("/docs/");

        Assert.Equal(200, (int)here.StatusCode);
        await Api.RefusedAsync(gone, 404, "not_found");
    }

    [Fact]
    public async Task Description_LeavesDevelopmentRoutesOut()
    {
        var description = await _service.GetAsync("/openapi/v1.json");

        Assert.DoesNotContain(
            Api.Names(description.GetProperty("paths")),
            path =>
                path.StartsWith("/dev", StringComparison.Ordinal) || path.StartsWith("/docs", StringComparison.Ordinal)
        );
    }

    [GeneratedRegex("src=\"([^\"]+)\"")]
    private static partial Regex Sources();
}
