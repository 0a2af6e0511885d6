using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using AkkaCharging.Settings;
using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests.Admin;

/// <summary>Which callers may reach which routes on which listener.</summary>
[Collection(SharedService.Name)]
[Trait("Category", "Component")]
public sealed class OperatorAccessTests(SharedService shared)
{
    private const string Token = "operators-token-0001";
    private const string Pause = "/admin/destinations/pause";
    private readonly RunningService _service = shared.Service;

    [Theory]
    [InlineData("GET", "/admin/dead-letters")]
    [InlineData("GET", "/ADMIN/config")]
    [InlineData("PUT", "/admin/config")]
    [InlineData("GET", "/%61dmin/config")]
    [InlineData("GET", "/admin/destinations")]
    [InlineData("POST", "/admin/destinations/pause")]
    [InlineData("POST", "/admin/dead-letters/redrive")]
    [InlineData("GET", "/openapi/admin.json")]
    [InlineData("GET", "/admin/overview")]
    [InlineData("GET", "/admin/cluster")]
    [InlineData("GET", "/console")]
    [InlineData("GET", "/console.js")]
    public async Task PublicListener_HasNoOperatorsRoute_WhateverTheHostHeader(string method, string path)
    {
        foreach (var host in new[] { _service.Http.BaseAddress!.Authority, _service.Management.BaseAddress!.Authority })
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), path) { Headers = { Host = host } };
            if (method == "POST")
                request.Content = Api.Json("{}");

            using var answer = await _service.Http.SendAsync(request);

            Assert.Equal("There is nothing here.", await Api.RefusedAsync(answer, 404, "not_found"));
        }
    }

    [Theory]
    [InlineData("POST", Api.Submit)]
    [InlineData("GET", Api.Submit + "/req-x")]
    [InlineData("GET", "/health")]
    [InlineData("GET", "/health/ready")]
    [InlineData("GET", "/metrics")]
    [InlineData("GET", "/openapi/v1.json")]
    [InlineData("GET", "/docs")]
    [InlineData("GET", "/nothing")]
    public async Task OperatorsListener_HasNoPublicRoute(string method, string path)
    {
        using var answer = await _service.OperateAsync(
            method,
            path,
            _service.Http.BaseAddress!.Authority,
            contentType: "application/json"
        );

        Assert.Equal("There is nothing here.", await Api.RefusedAsync(answer, 404, "not_found"));
    }

    [Fact]
    public async Task OtherMethod_Returns405()
    {
        using var answer = await _service.OperateAsync("DELETE", "/admin/config", contentType: "application/json");

        await Api.RefusedAsync(answer, 405, "method_not_allowed");
        Assert.Equal(["GET", "HEAD"], answer.Content.Headers.Allow);
    }

    [Fact]
    public async Task ConfinedPages_AreServedToOperatorsAlone_AndProbesStay()
    {
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithManagement(management =>
                management with
                {
                    Confine = [ConfinedPage.Metrics, ConfinedPage.Health, ConfinedPage.OpenApi],
                }
            )
        );

        foreach (var path in new[] { "/metrics", "/health", "/openapi/v1.json" })
        {
            using var gone = await service.Http.GetAsync(path);
            await Api.RefusedAsync(gone, 404, "not_found");
            using var here = await service.Management.GetAsync(path);
            Assert.Equal(200, (int)here.StatusCode);
        }

        foreach (var path in new[] { "/health/live", "/health/ready" })
            Assert.Equal(200, (int)(await service.Http.GetAsync(path)).StatusCode);
        await Api.AcceptedAsync(await service.SubmitAsync("https://receiver.example.com/cb"));
        var described = (await Api.BodyOf(await service.Management.GetAsync("/openapi/admin.json"))).GetProperty(
            "paths"
        );
        Assert.True(described.TryGetProperty("/metrics", out _) && described.TryGetProperty("/health", out _));
        Assert.False(
            (await Api.BodyOf(await service.Management.GetAsync("/openapi/v1.json")))
                .GetProperty("paths")
                .TryGetProperty("/metrics", out _)
        );
    }

    [Fact]
    public async Task OneConfinedPage_LeavesTheOthers()
    {
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithManagement(management => management with { Confine = [ConfinedPage.Metrics] }) with
            {
                Monitoring = settings.Monitoring with { HealthCheckEnabled = false },
            }
        );

        var statuses = new List<int>();
        foreach (var listener in new[] { service.Http, service.Management })
        {
            foreach (var path in new[] { "/metrics", "/health", "/openapi/v1.json" })
                statuses.Add((int)(await listener.GetAsync(path)).StatusCode);
        }

        Assert.Equal([404, 404, 200, 200, 404, 404], statuses);
    }

    [Theory]
    [InlineData("evil.example")]
    [InlineData("evil.example:8081")]
    [InlineData("localhost.evil.example")]
    [InlineData("127.0.0.1.evil.example")]
    [InlineData("10.0.0.1")]
    [InlineData("0.0.0.0")]
    [InlineData("[::2]:8081")]
    public async Task NameOfAnotherMachine_IsRefused(string host)
    {
        const string Message = "The Host header must name this machine: localhost, 127.0.0.1 or [::1].";
        var destination = $"https://rebound{host.Length}.example.com:443";

        using var read = await _service.OperateAsync("GET", "/admin/config", host);
        using var change = await _service.OperateAsync(
            "POST",
            Pause,
            host,
            contentType: "application/json",
            body: $$"""{"destination":"{{destination}}"}"""
        );

        Assert.Equal(Message, await Api.RefusedAsync(read, 403, "forbidden"));
        Assert.Equal(Message, await Api.RefusedAsync(change, 403, "forbidden"));
        Assert.DoesNotContain(
            destination,
            await _service.Management.GetStringAsync("/admin/destinations"),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task NoHostHeader_IsRefused()
    {
        var answer = await RawHttp.ExchangeAsync(_service.Management, "GET /admin/config HTTP/1.0\r\n\r\n");

        Assert.Equal(403, answer.StatusCode);
        Api.Refused(answer.Json, "forbidden");
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("LOCALHOST:1")]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.1:65535")]
    [InlineData("127.0.0.2")]
    [InlineData("[::1]")]
    [InlineData("[::1]:8081")]
    public async Task NameOfThisMachine_IsLetIn(string host) =>
        await _service.OperateAsync("GET", "/admin/config", host).ReadAsync();

    [Theory]
    [InlineData(null)]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data; boundary=x")]
    [InlineData("text/plain; application/json")]
    [InlineData("application/jsonp")]
    public async Task ChangeThatAWebPageCanSend_IsRefused(string? contentType)
    {
        const string Destination = "https://forged.example.com:443";

        foreach (var path in new[] { Pause, $"/admin/dead-letters/req-{Guid.CreateVersion7()}/discard" })
        {
            using var answer = await _service.OperateAsync(
                "POST",
                path,
                contentType: contentType,
                body: $$"""{"destination":"{{Destination}}"}"""
            );
            await Api.RefusedAsync(answer, 415, "unsupported_media_type");
        }

        Assert.DoesNotContain(
            Destination,
            await _service.Management.GetStringAsync("/admin/destinations"),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Preflight_IsNotAgreedTo_AlsoWhereThePublicListenerAgrees()
    {
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithServer(server => server with { CorsAllowedOrigins = ["*"] })
        );
        using var request = new HttpRequestMessage(HttpMethod.Options, Pause);
        request.Headers.TryAddWithoutValidation("Origin", "https://evil.example");
        request.Headers.TryAddWithoutValidation("Access-Control-Request-Method", "POST");
        request.Headers.TryAddWithoutValidation("Access-Control-Request-Headers", "content-type");

        using var answer = await service.Management.SendAsync(request);

        await Api.RefusedAsync(answer, 405, "method_not_allowed");
        Assert.DoesNotContain(
            answer.Headers,
            header => header.Key.StartsWith("Access-Control", StringComparison.OrdinalIgnoreCase)
        );
    }

    [Fact]
    public async Task Operators_AreToldApart_AndReadersChangeNothing()
    {
        const string Target = "https://operators-by-name.example.com:443";
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithManagement(management =>
                management with
                {
                    Token = Token,
                    Operators =
                    [
                        Named("ann", OperatorRight.Write),
                        Named("bo", OperatorRight.Read),
                        new("nobody", Convert.ToHexString(SHA256.HashData([])), OperatorRight.Write),
                    ],
                }
            )
        );

        foreach (var token in (string[])["token-of-ann", "token-of-bo", Token])
        {
            using var read = await service.OperateAsync("GET", "/admin/config", token: $"Bearer {token}");
            Assert.Equal(HttpStatusCode.OK, read.StatusCode);
            using var change = await service.OperateAsync(
                "POST",
                Pause,
                token: $"Bearer {token}",
                contentType: "application/json",
                body: $$"""{"destination":"{{Target}}"}"""
            );
            if (token == "token-of-bo")
                Assert.Equal(
                    "This operator has read access only (access = read in management.operators).",
                    await Api.RefusedAsync(change, 403, "forbidden")
                );
            else
                Assert.Equal(HttpStatusCode.OK, change.StatusCode);
        }

        foreach (var token in (string?[])["Bearer token-of-cy", "Bearer ", null])
        {
            using var wrong = await service.OperateAsync("GET", "/admin/config", token: token);
            await Api.RefusedAsync(wrong, 401, "unauthorized");
        }

        await Eventually.HoldsAsync(
            () =>
                Regex
                    .Matches(CapturedConsole.Text, $"\"Operator\":\"(?<name>\\w+)\",[^\n]*\"Target\":\"{Target}\"")
                    .Select(match => match.Groups["name"].Value)
                    .SequenceEqual(["ann", "token"]),
            "both changes are logged with their operators"
        );
        await Eventually.HoldsAsync(
            () => CapturedConsole.Text.Contains("\"Reason\":\"role\"", StringComparison.Ordinal),
            "the change that was refused is logged"
        );

        static OperatorSettings Named(string name, OperatorRight access) =>
            new(name, Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes($"token-of-{name}"))), access);
    }

    [Fact]
    public async Task Token_WhereOneIsSet_IsAlwaysNeeded()
    {
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithManagement(management => management with { Token = Token })
        );

        foreach (
            var wrong in new[]
            {
                null,
                "",
                "Bearer",
                "Bearer ",
                $"Bearer {Token}x",
                $"Bearer {Token[..^1]}",
                $"Bearer {Token.ToUpperInvariant()}",
                $"Basic {Token}",
                Token,
            }
        )
        {
            using var read = await service.OperateAsync("GET", "/admin/config", token: wrong);
            Assert.Equal(
                "The operators' token is missing or wrong.",
                await Api.RefusedAsync(read, 401, "unauthorized")
            );
            Assert.Equal("Bearer", read.Headers.WwwAuthenticate.Single().Scheme);
            using var change = await service.OperateAsync(
                "POST",
                Pause,
                token: wrong,
                contentType: "application/json",
                body: "{}"
            );
            await Api.RefusedAsync(change, 401, "unauthorized");
            using var nothing = await service.OperateAsync("GET", "/nothing", token: wrong);
            await Api.RefusedAsync(nothing, 401, "unauthorized");
        }

        await service.OperateAsync("GET", "/admin/config", token: $"Bearer {Token}").ReadAsync();
        await service
            .OperateAsync("GET", "/admin/config", host: "operators.example.com", token: $"bearer {Token}")
            .ReadAsync();
        using var form = await service.OperateAsync(
            "POST",
            Pause,
            token: $"Bearer {Token}",
            contentType: "text/plain",
            body: "{}"
        );
        await Api.RefusedAsync(form, 415, "unsupported_media_type");
    }

    [Fact]
    public async Task TokenOnAListenerBeyondLoopback_IsNeededThere()
    {
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithManagement(management => management with { Host = "0.0.0.0", Token = Token })
        );
        var local = new UriBuilder(service.Management.BaseAddress!)
        {
            Host = "127.0.0.1",
            Path = "/admin/config",
        }.Uri.ToString();

        using var refused = await service.OperateAsync("GET", local);
        await Api.RefusedAsync(refused, 401, "unauthorized");
        await service.OperateAsync("GET", local, token: $"Bearer {Token}").ReadAsync();
    }
}
