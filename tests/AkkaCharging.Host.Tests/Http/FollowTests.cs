using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Authorization;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Http;

[Trait("Category", "Component")]
public sealed class FollowTests : IAsyncLifetime
{
    private static readonly string[] Fields =
    [
        "requestId",
        "stationId",
        "driverToken",
        "state",
        "status",
        "reason",
        "acceptedAt",
        "decidedAt",
        "settledAt",
        "attempts",
    ];

    private readonly ScriptedAuthorizer _authorizer = new();
    private CallbackReceiver _receiver = null!;

    public async Task InitializeAsync() => _receiver = await CallbackReceiver.StartAsync();

    public async Task DisposeAsync() => await _receiver.DisposeAsync();

    [Fact]
    public async Task UndecidedRequest_IsQueued()
    {
        _authorizer.HangsAlways();
        await using var service = await StartAsync();
        var id = await service.AcceptAsync(_receiver.Url);

        var answer = await FollowAsync(service, id);

        Assert.Equal(("queued", null, null), (Text(answer, "state"), Text(answer, "status"), Text(answer, "reason")));
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("decidedAt").ValueKind);
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("settledAt").ValueKind);
        Assert.Empty(answer.GetProperty("attempts").EnumerateArray());
    }

    [Fact]
    public async Task RequestBeingCalledBack_IsDecided()
    {
        _receiver.Hang();
        await using var service = await StartAsync();
        var id = await service.AcceptAsync(_receiver.Url);

        var answer = await UntilAsync(service, id, "decided");

        Assert.Equal(("allowed", "in_acl"), (Text(answer, "status"), Text(answer, "reason")));
        Assert.True(answer.GetProperty("decidedAt").GetInt64() >= answer.GetProperty("acceptedAt").GetInt64());
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("settledAt").ValueKind);
    }

    [Fact]
    public async Task DeliveredRequest_ShowsItsAttempts_AndMasksTheToken()
    {
        _authorizer.AnswersAlways(AuthorizerAnswer.Deny(DenialReason.Blocked));
        _receiver.RespondWith(
            async (context, _) =>
            {
                context.Response.StatusCode = _receiver.Received.Count == 1 ? 503 : 204;
                await context.Response.CompleteAsync();
            }
        );
        await using var service = await StartAsync();
        var id = await service.AcceptAsync(_receiver.Url);

        var answer = await UntilAsync(service, id, "delivered");

        Assert.Equal(
            (id, RunningService.Station, "allo***"),
            (Text(answer, "requestId"), Text(answer, "stationId"), Text(answer, "driverToken"))
        );
        Assert.Equal(("not_allowed", "blocked"), (Text(answer, "status"), Text(answer, "reason")));
        Assert.True(answer.GetProperty("settledAt").GetInt64() >= answer.GetProperty("decidedAt").GetInt64());
        Assert.Equal(
            [(503, "http_error"), (204, "success")],
            answer
                .GetProperty("attempts")
                .EnumerateArray()
                .Select(attempt => (attempt.GetProperty("httpStatus").GetInt32(), Text(attempt, "outcome")))
        );
        Assert.All(
            answer.GetProperty("attempts").EnumerateArray(),
            attempt =>
            {
                Assert.Equal(["at", "durationMs", "httpStatus", "outcome", "cause"], Api.Names(attempt));
                Assert.True(attempt.GetProperty("at").GetInt64() >= answer.GetProperty("decidedAt").GetInt64());
                Assert.InRange(attempt.GetProperty("durationMs").GetInt64(), 0, 20_000);
            }
        );
    }

    [Fact]
    public async Task RefusedByTheReceiver_IsFailed()
    {
        _receiver.RespondWith(HttpStatusCode.Gone);
        await using var service = await StartAsync();
        var id = await service.AcceptAsync(_receiver.Url);

        var answer = await UntilAsync(service, id, "failed");

        Assert.Equal(410, answer.GetProperty("attempts")[0].GetProperty("httpStatus").GetInt32());
    }

    [Fact]
    public async Task UnreachableReceiver_HasAttemptsWithoutStatus()
    {
        await using var service = await StartAsync();
        var id = await service.AcceptAsync("http://127.0.0.1:1/cb");

        var answer = await UntilAsync(service, id, "failed");

        Assert.All(
            answer.GetProperty("attempts").EnumerateArray(),
            attempt =>
                Assert.Equal(
                    (JsonValueKind.Null, "network_error", "connection_refused"),
                    (attempt.GetProperty("httpStatus").ValueKind, Text(attempt, "outcome"), Text(attempt, "cause"))
                )
        );
        Assert.Equal(2, answer.GetProperty("attempts").GetArrayLength());
    }

    /// <summary>Two names that differ only in what they resolve to, on the same clock.</summary>
    [Fact]
    public async Task NameThatLeadsInside_HasThePageOfOneThatDoesNotExist()
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2030-01-01T00:00:00Z"));
        await using var service = await StartAsync(time, new InsideNames());
        var inside = await service.AcceptAsync("http://vault.inside.net:8080/cb");
        var unknown = await service.AcceptAsync("http://nowhere.inside.net:8080/cb");
        await Eventually.HoldsAsync(
            async () =>
                (await service.Management.GetFromJsonAsync<JsonElement>("/admin/dead-letters"))
                    .GetProperty("deadLetters")
                    .GetArrayLength() == 2,
            "both failed"
        );

        // Retries after 20 ms, two look-ups of up to 3 s: the latest end is at 6.024 s.
        var pages = new List<string>();
        foreach (var millis in (int[])[0, 2_999, 1, 3_023, 1, 10_000, 86_389_000])
        {
            time.Advance(TimeSpan.FromMilliseconds(millis));
            var (left, right) = (await PageAsync(service, inside), await PageAsync(service, unknown));
            Assert.Equal(left.Replace(inside, unknown, StringComparison.Ordinal), right);
            pages.Add(left);
        }

        Assert.Equal(
            [2, 2, 2, 2, 1, 1, 0],
            pages.Select(page =>
                page.Contains("\"decided\"", StringComparison.Ordinal) ? 2
                : page.Contains("\"failed\"", StringComparison.Ordinal) ? 1
                : 0
            )
        );
        Assert.Contains("\"attempts\":[]", pages[1], StringComparison.Ordinal);
        Assert.Contains(
            "\"durationMs\":0,\"httpStatus\":null,\"outcome\":\"network_error\",\"cause\":\"no_address\"}]",
            pages[2],
            StringComparison.Ordinal
        );
        Assert.Contains("\"settledAt\":1893456006024", pages[4], StringComparison.Ordinal);
    }

    /// <summary>Requests to a name that does not exist wait for their retries, and hold places meanwhile.</summary>
    [Theory]
    [InlineData("vault.inside.net")]
    [InlineData("nowhere.inside.net")]
    public async Task DestinationWithoutAnAddress_IsBackloggedAfterAsManyRequests_WhateverItsNameLeadsTo(string host)
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2030-01-01T00:00:00Z"));
        await using var service = await RunningService.StartAsync(
            settings =>
                settings.WithServer(server => server with { ShutdownGrace = TimeSpan.Zero }) with
                {
                    Callback = settings.Callback with
                    {
                        RetryDelay = TimeSpan.FromMinutes(1),
                        MaxRetryDelay = TimeSpan.FromMinutes(10),
                    },
                    Queue = settings.Queue with { MaxSize = 10 },
                },
            services => services.AddTime(time).AddSingleton<IHostResolver>(new InsideNames())
        );

        var answers = new List<HttpStatusCode>();
        for (var made = 1; made <= 5; made++)
        {
            using var answer = await service.SubmitAsync($"http://{host}:8080/cb");
            answers.Add(answer.StatusCode);
            await Eventually.HoldsAsync(
                async () => await CountAsync(service, "callback_results") == Math.Min(made, 4),
                "its first attempt is over"
            );
            if (host.StartsWith("vault.", StringComparison.Ordinal))
                await Eventually.HoldsAsync(
                    async () => await CountAsync(service, "deliveries_total") == Math.Min(made, 4),
                    "it is settled"
                );
        }

        // Half of the queue is for destinations that have not answered, and four fifths of that for one alone.
        Assert.Equal([.. Enumerable.Repeat(HttpStatusCode.OK, 4), HttpStatusCode.ServiceUnavailable], answers);

        static async Task<int> CountAsync(RunningService service, string name) =>
            (await service.Http.GetFromJsonAsync<JsonElement>("/metrics"))
                .GetProperty(name)
                .EnumerateObject()
                .Sum(outcome => outcome.Value.GetInt32());
    }

    [Fact]
    public async Task CauseOfAFailedAttempt_IsForOperators()
    {
        await using var service = await StartAsync(resolver: new InsideNames());
        var inside = await service.AcceptAsync("http://vault.inside.net:8080/cb");
        var unknown = await service.AcceptAsync("http://nowhere.inside.net:8080/cb");
        var letters = new Dictionary<string, string>(StringComparer.Ordinal);

        await Eventually.HoldsAsync(
            async () =>
            {
                letters = (await service.Management.GetFromJsonAsync<JsonElement>("/admin/dead-letters"))
                    .GetProperty("deadLetters")
                    .EnumerateArray()
                    .ToDictionary(
                        letter => Text(letter, "requestId")!,
                        letter =>
                            Text(letter.GetProperty("lastAttempt"), "outcome")
                            + $" {Text(letter.GetProperty("lastAttempt"), "cause")}"
                    );
                return letters.Count == 2;
            },
            "both failed"
        );

        Assert.Equal(("blocked address_refused", "network_error name_not_found"), (letters[inside], letters[unknown]));
        using var scrape = new HttpRequestMessage(HttpMethod.Get, "/metrics")
        {
            Headers = { { "Accept", "text/plain; version=0.0.4" } },
        };
        using var metrics = await service.Http.SendAsync(scrape);
        var text = await metrics.Content.ReadAsStringAsync();
        Assert.Contains(
            "akkacharging_callback_attempt_failures_total{cause=\"address_refused\"} 1\n",
            text,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "akkacharging_callback_attempt_failures_total{cause=\"name_not_found\"} 2\n",
            text,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "akkacharging_callback_attempt_failures_total{cause=\"tls\"} 0\n",
            text,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task DecisionThatComesTooLate_IsExpired_WithoutAnAttempt()
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2030-01-01T00:00:00Z"));
        var answered = new TaskCompletionSource<AuthorizerAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        _authorizer.Always((_, _) => new(answered.Task));
        await using var service = await StartAsync(time);
        using var accepted = await service.Http.PostAsync(
            Api.Submit,
            Api.Json(Api.Body(_receiver.Url, more: ",\"validForMillis\":1000"))
        );
        var id = await Api.AcceptedAsync(accepted);
        await Eventually.HoldsAsync(() => _authorizer.Calls == 1, "the authorizer was asked");

        time.Advance(TimeSpan.FromSeconds(2));
        answered.SetResult(AuthorizerAnswer.AllowedByList);
        var answer = await UntilAsync(service, id, "expired");

        Assert.Equal("allowed", Text(answer, "status"));
        Assert.Empty(answer.GetProperty("attempts").EnumerateArray());
        Assert.Empty(_receiver.Received);
    }

    [Fact]
    public async Task RequestPastRetention_Returns404()
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2030-01-01T00:00:00Z"));
        await using var service = await StartAsync(time);
        var id = await service.AcceptAsync(_receiver.Url);
        await UntilAsync(service, id, "delivered");

        time.Advance(TimeSpan.FromHours(25));

        using var answer = await service.Http.GetAsync($"{Api.Submit}/{id}");
        Assert.Equal("No such request, or it settled too long ago.", await Api.RefusedAsync(answer, 404, "not_found"));
    }

    private static string? Text(JsonElement answer, string name) => answer.GetProperty(name).GetString();

    private static async Task<JsonElement> FollowAsync(RunningService service, string id)
    {
        using var response = await service.Http.GetAsync($"{Api.Submit}/{id}");
        Assert.Equal(
            (200, "application/json"),
            ((int)response.StatusCode, response.Content.Headers.ContentType?.ToString())
        );
        var answer = await Api.BodyOf(response);
        Assert.Equal(Fields, Api.Names(answer));
        return answer;
    }

    private static async Task<JsonElement> UntilAsync(RunningService service, string id, string state)
    {
        await Eventually.HoldsAsync(async () => Text((await FollowAsync(service, id)), "state") == state, state);
        return await FollowAsync(service, id);
    }

    private static async Task<string> PageAsync(RunningService service, string id)
    {
        using var response = await service.Http.GetAsync($"{Api.Submit}/{id}");
        return $"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}";
    }

    private Task<RunningService> StartAsync(FakeTimeProvider? time = null, IHostResolver? resolver = null) =>
        RunningService.StartAsync(
            settings =>
                settings.WithServer(server => server with { ShutdownGrace = TimeSpan.Zero }) with
                {
                    Callback = settings.Callback with { MaxRetries = 1, RetryDelay = TimeSpan.FromMilliseconds(20) },
                },
            services =>
            {
                services.AddAuthorizer(_authorizer);
                if (time is not null)
                    services.AddTime(time);
                if (resolver is not null)
                    services.AddSingleton(resolver);
            }
        );

    private sealed class InsideNames : IHostResolver
    {
        public Task<IReadOnlyList<IPAddress>> ResolveAsync(string host, CancellationToken cancellationToken) =>
            host.StartsWith("vault.", StringComparison.Ordinal)
                ? Task.FromResult<IReadOnlyList<IPAddress>>([IPAddress.Parse("10.1.2.3")])
                : throw new NameResolutionException(host, NameResolutionFailure.NotFound);
    }
}

[Collection(SharedService.Name)]
[Trait("Category", "Component")]
public sealed class FollowUnknownTests(SharedService shared)
{
    [Theory]
    [InlineData("req-01890a5d-ac96-774b-bcce-b302099a8057")]
    [InlineData("01890a5d-ac96-774b-bcce-b302099a8057")]
    [InlineData("req-")]
    [InlineData("req-01890A5D-AC96-774B-BCCE-B302099A8057%20")]
    [InlineData("REQ-01890a5d-ac96-774b-bcce-b302099a8057")]
    [InlineData("%E2%82%AC")]
    [InlineData("..%2f")]
    [InlineData("' or 1=1 --")]
    public async Task UnknownId_Returns404(string id)
    {
        using var answer = await shared.Service.Http.GetAsync($"{Api.Submit}/{id}");

        Assert.Equal("No such request, or it settled too long ago.", await Api.RefusedAsync(answer, 404, "not_found"));
    }

    [Theory]
    [InlineData("%20")]
    [InlineData("%0a")]
    public async Task KnownIdWithSomethingAround_Returns404(string around)
    {
        var id = await shared.Service.AcceptAsync(shared.Receiver.Url);

        using var answer = await shared.Service.Http.GetAsync($"{Api.Submit}/{id}{around}");

        await Api.RefusedAsync(answer, 404, "not_found");
    }
}
