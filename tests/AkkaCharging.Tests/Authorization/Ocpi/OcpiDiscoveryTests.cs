using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Ocpi;
using AkkaCharging.Requests;
using AkkaCharging.Testing;
using Microsoft.Extensions.Time.Testing;
using static AkkaCharging.Tests.Authorization.Ocpi.OcpiQuestions;

namespace AkkaCharging.Tests.Authorization.Ocpi;

/// <summary>Where questions go when a partner is configured by its list of versions, and what a check finds
/// out.</summary>
[Trait("Category", "Component")]
public sealed class OcpiDiscoveryTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(Queries.Now);
    private PartnerServer _server = null!;
    private OcpiPartnerAuthorizer _authorizer = null!;

    private string Versions =>
        $$"""[{"version":"2.1.1","url":"{{_server.Origin}}/old"},{"version":"2.2.1","url":"{{_server.Origin}}/ocpi/details"}]""";

    public async Task InitializeAsync()
    {
        _server = await PartnerServer.StartAsync();
        _server.AnswersAll(Versions, Details("/tokens/"));
        _authorizer = Authorizer(Partner(versionsUrl: _server.Versions), _time);
    }

    public async Task DisposeAsync()
    {
        _authorizer.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Endpoint_IsDiscoveredOnce_BesideEachOther()
    {
        var answers = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(_ => _authorizer.AuthorizeAsync(Some("04AABBCC"), default).AsTask())
        );

        Assert.All(answers, answer => Assert.Equal(DecisionReason.Authorized, answer.Reason));
        Assert.Equal(
            ["/ocpi/versions", "/ocpi/details", .. Enumerable.Repeat("/tokens/04AABBCC/authorize?type=RFID", 8)],
            _server.Requests.Select(request => request.Target)
        );
        var versions = _server.Requests[0];
        Assert.Equal("GET", versions.Method);
        Assert.True(versions.Headers.ContainsKey("X-Request-ID"));
        Assert.True(versions.Headers.ContainsKey("Authorization"));
        Assert.DoesNotContain(
            versions.Headers.Keys,
            name => name.StartsWith("OCPI-", StringComparison.OrdinalIgnoreCase)
        );
    }

    [Fact]
    public async Task Version211_HasNoRoles()
    {
        _server.AnswersAll(
            $$"""[{"version":"2.1.1","url":"{{_server.Origin}}/ocpi/details"}]""",
            $$"""{"endpoints":[{"identifier":"tokens","url":"{{_server.Origin}}/old-tokens"}]}"""
        );
        using var authorizer = Authorizer(Partner(versionsUrl: _server.Versions), _time, "2.1.1");

        await authorizer.AuthorizeAsync(Some("04AABBCC"), default);

        Assert.Equal("/old-tokens/04AABBCC/authorize?type=RFID", _server.Requests[^1].Target);
    }

    [Fact]
    public async Task Endpoint_IsDiscoveredAgainAfterADay_WhileQuestionsGoOn()
    {
        await AskAsync();
        _server.AnswersAll(Versions, Details("/moved"));
        _time.Advance(TimeSpan.FromHours(23));
        await AskAsync();
        Assert.Equal("/tokens", Asked());

        _time.Advance(TimeSpan.FromHours(1));

        await Eventually.HoldsAsync(
            async () =>
            {
                await AskAsync();
                return Asked() == "/moved";
            },
            "the new endpoint is used"
        );
        Assert.Equal(2, Discoveries());
    }

    [Fact]
    public async Task DiscoveryThatTheSettingsForbid_IsRepeatedAtMostOnceAMinute()
    {
        _server.Handler = context => PartnerServer.WriteAsync(context, 401, "", "text/plain");
        for (var i = 0; i < 3; i++)
            await Assert.ThrowsAsync<AuthorizerUnavailableException>(AskAsync);
        Assert.Equal(1, Discoveries());

        _server.AnswersAll(Versions, Details("/tokens"));
        _time.Advance(TimeSpan.FromMinutes(1));
        await AskAsync();

        Assert.Equal(2, Discoveries());
    }

    [Theory]
    [InlineData(401)]
    [InlineData(404)]
    public async Task AnswerThatDoubtsTheUrl_HasItDiscoveredAgain_AtMostOnceAMinute(int status)
    {
        await AskAsync();
        _server.Handler = context =>
            PartnerServer.WriteAsync(
                context,
                context.Request.Path.StartsWithSegments("/ocpi", StringComparison.Ordinal) ? 500 : status,
                "",
                "text/plain"
            );
        for (var i = 0; i < 3; i++)
            await Assert.ThrowsAsync<AuthorizerUnavailableException>(AskAsync);
        Assert.Equal(1, Discoveries());
        Assert.NotNull(_authorizer.Misconfiguration);
        _server.AnswersAll(Versions, Details("/moved"));

        _time.Advance(TimeSpan.FromMinutes(1));

        await Eventually.HoldsAsync(
            async () =>
            {
                await AskAsync();
                return Asked() == "/moved";
            },
            "the new endpoint is used"
        );
        Assert.Equal(2, Discoveries());
        Assert.Null(_authorizer.Misconfiguration);
    }

    [Fact]
    public async Task FailedRefresh_LeavesTheEndpointInUse()
    {
        await AskAsync();
        _time.Advance(TimeSpan.FromDays(1));
        _server.Handler = context =>
            context.Request.Path.StartsWithSegments("/ocpi", StringComparison.Ordinal)
                ? PartnerServer.WriteAsync(context, 500, "", "text/plain")
                : PartnerServer.WriteAsync(
                    context,
                    200,
                    PartnerServer.Envelope("""{"allowed":"ALLOWED"}"""),
                    "application/json"
                );

        await AskAsync();
        await Eventually.HoldsAsync(() => Discoveries() == 2, "the refresh has started");
        _time.Advance(TimeSpan.FromDays(1));

        await Eventually.HoldsAsync(
            async () =>
            {
                await AskAsync();
                Assert.Equal("/tokens", Asked());
                return Discoveries() == 3;
            },
            "the next refresh has started, so this one has failed"
        );
    }

    [Theory]
    [InlineData("https://emsp.example/tokens", true)]
    [InlineData("https://EMSP.example:8443/tokens", true)]
    [InlineData("http://emsp.example/tokens", false)]
    [InlineData("https://emsp.example.evil.example/tokens", false)]
    [InlineData("https://emsp@evil.example/tokens", false)]
    [InlineData("ftp://emsp.example/tokens", false)]
    public void EndpointOfAPartnerWithTls_HasItsHostAndTls(string text, bool isTaken) =>
        Assert.Equal(isTaken, OcpiEndpoint.Read(text, new Uri("https://emsp.example/ocpi/versions")) is not null);

    public static TheoryData<string, string, string, bool> Unusable =>
        new()
        {
            { "[]", "{}", "does not offer version 2.2.1; check authorization.ocpi.version", false },
            { "{}", "{}", "does not offer version 2.2.1", false },
            { """[{"version":"2.1.1","url":"ORIGIN/ocpi/details"}]""", "{}", "does not offer version 2.2.1", false },
            { """[1,{"version":2},{"version":"2.2.1"}]""", "{}", "does not offer version 2.2.1", false },
            { """[{"version":"2.2.1","url":"http://canary.example/details"}]""", "{}", "expected tokensUrl", false },
            { """[{"version":"2.2.1","url":"file:///etc/canary"}]""", "{}", "expected tokensUrl", false },
            { """[{"version":"2.2.1","url":"/ocpi/details"}]""", "{}", "expected tokensUrl", false },
            { """[{"version":"2.2.1","url":"ORIGIN/ocpi/details"}]""", "{}", "lists no tokens endpoint", false },
            {
                """[{"version":"2.2.1","url":"ORIGIN/ocpi/details"}]""",
                """{"endpoints":[{"identifier":"tokens","role":"RECEIVER","url":"ORIGIN/tokens"}]}""",
                "lists no tokens endpoint",
                false
            },
            {
                """[{"version":"2.2.1","url":"ORIGIN/ocpi/details"}]""",
                """{"endpoints":[{"identifier":"tokens","role":"SENDER","url":"http://user:canary@127.0.0.1/tokens"}]}""",
                "expected tokensUrl",
                false
            },
        };

    [Theory]
    [MemberData(nameof(Unusable))]
    public async Task UnusableList_IsAMisconfiguration_OfQuestionsAndOfTheCheck(
        string versions,
        string details,
        string message,
        bool isFault
    )
    {
        _server.AnswersAll(
            versions.Replace("ORIGIN", _server.Origin, StringComparison.Ordinal),
            details.Replace("ORIGIN", _server.Origin, StringComparison.Ordinal)
        );

        var error = await Assert.ThrowsAsync<AuthorizerUnavailableException>(AskAsync);
        var problem = await _authorizer.CheckAsync(default);

        Assert.Equal(isFault, error.IsFault);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal(error.Message, _authorizer.Misconfiguration);
        Assert.Equal(error.Message, problem);
        Assert.DoesNotContain("canary", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(401, "answered 401; check tokenFile")]
    [InlineData(403, "answered 403; check tokenFile")]
    [InlineData(404, "answered 404 without OCPI; check versionsUrl")]
    [InlineData(500, "answered 500")]
    public async Task Check_NamesWrongCredentialsAndWrongUrl(int status, string problem)
    {
        _server.Answers(status, "", "text/plain");

        Assert.Equal($"OCPI partner tnm {problem}", await _authorizer.CheckAsync(default));
    }

    [Theory]
    [InlineData(200, "[]", null)]
    [InlineData(401, "[]", "answered 401; check tokenFile")]
    [InlineData(403, null, "answered 403; check tokenFile")]
    [InlineData(404, null, "answered 404 without OCPI; check tokensUrl")]
    [InlineData(404, "null", null)]
    [InlineData(405, "null", null)]
    public async Task CheckOfATokensUrl_AsksForTokensThatCannotExist(int status, string? data, string? problem)
    {
        _server.Answers(status, data is null ? "" : PartnerServer.Envelope(data, data is "null" ? 2000 : 1000));
        using var authorizer = Authorizer(Partner(_server.Tokens), _time);

        Assert.Equal(problem is null ? null : $"OCPI partner tnm {problem}", await authorizer.CheckAsync(default));

        var request = Assert.Single(_server.Requests);
        Assert.Equal(
            ("GET", "/ocpi/emsp/2.2.1/tokens?date_from=2026-01-03T03:04:05Z&limit=1"),
            (request.Method, request.Target)
        );
    }

    [Fact]
    public async Task Check_FindsNothingToMend_OrNobody()
    {
        Assert.Null(await _authorizer.CheckAsync(default));
        await _server.DisposeAsync();
        using var tokens = Authorizer(Partner(_server.Tokens), _time);

        Assert.Equal("OCPI partner tnm could not be reached", await _authorizer.CheckAsync(default));
        Assert.Equal("OCPI partner tnm could not be reached", await tokens.CheckAsync(default));
    }

    private string Details(string path) =>
        $$"""
            {"version":"2.2.1","endpoints":[{"identifier":"tokens","role":"RECEIVER","url":"{{_server.Origin}}/no"},
            {"identifier":"cdrs","role":"SENDER","url":"{{_server.Origin}}/no"},
            {"identifier":"tokens","role":"SENDER","url":"{{_server.Origin}}{{path}}"}]}
            """;

    private Task AskAsync() => _authorizer.AuthorizeAsync(Some("04AABBCC"), default).AsTask();

    /// <summary>The endpoint that the last question went to.</summary>
    private string Asked() => _server.Requests.Last(request => request.Method == "POST").Target.Split("/04AABBCC/")[0];

    private int Discoveries() => _server.Requests.Count(request => request.Target == "/ocpi/versions");
}
