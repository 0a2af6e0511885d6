using System.Net;
using System.Text.Json;
using AkkaCharging.Authorization;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Http;

[Trait("Category", "Component")]
public sealed class FollowTests : IAsyncLifetime
{
    private static readonly string[] Fields =
        ["requestId", "stationId", "driverToken", "state", "status", "reason", "acceptedAt", "decidedAt", "settledAt", "attempts"];

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
        _authorizer.AnswersAlways(AuthorizerAnswer.NotAllowed(DecisionReason.Blocked));
        _receiver.RespondWith(async (context, _) =>
        {
            context.Response.StatusCode = _receiver.Received.Count == 1 ? 503 : 204;
            await context.Response.CompleteAsync();
        });
        await using var service = await StartAsync();
        var id = await service.AcceptAsync(_receiver.Url);

        var answer = await UntilAsync(service, id, "delivered");

        Assert.Equal((id, RunningService.Station, "allo***"), (Text(answer, "requestId"), Text(answer, "stationId"), Text(answer, "driverToken")));
        Assert.Equal(("not_allowed", "blocked"), (Text(answer, "status"), Text(answer, "reason")));
        Assert.True(answer.GetProperty("settledAt").GetInt64() >= answer.GetProperty("decidedAt").GetInt64());
        Assert.Equal(
            [(503, "http_error"), (204, "success")],
            answer.GetProperty("attempts").EnumerateArray().Select(attempt => (attempt.GetProperty("httpStatus").GetInt32(), Text(attempt, "outcome"))));
        Assert.All(answer.GetProperty("attempts").EnumerateArray(), attempt =>
        {
            Assert.Equal(["at", "durationMs", "httpStatus", "outcome"], Api.Names(attempt));
            Assert.True(attempt.GetProperty("at").GetInt64() >= answer.GetProperty("decidedAt").GetInt64());
            Assert.InRange(attempt.GetProperty("durationMs").GetInt64(), 0, 20_000);
        });
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

        Assert.All(answer.GetProperty("attempts").EnumerateArray(), attempt =>
            Assert.Equal((JsonValueKind.Null, "network_error"), (attempt.GetProperty("httpStatus").ValueKind, Text(attempt, "outcome"))));
        Assert.Equal(2, answer.GetProperty("attempts").GetArrayLength());
    }

    [Fact]
    public async Task DecisionThatComesTooLate_IsExpired_WithoutAnAttempt()
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2030-01-01T00:00:00Z"));
        var answered = new TaskCompletionSource<AuthorizerAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        _authorizer.Always((_, _) => new(answered.Task));
        await using var service = await StartAsync(time);
        using var accepted = await service.Http.PostAsync(Api.Submit, Api.Json(Api.Body(_receiver.Url, more: ",\"validForMillis\":1000")));
        var id = await Api.AcceptedAsync(accepted);
        await Eventually.HoldsAsync(() => _authorizer.Calls == 1, "the authorizer was asked");

        time.Advance(TimeSpan.FromSeconds(2));
        answered.SetResult(AuthorizerAnswer.Allowed);
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
        Assert.Equal((200, "application/json"), ((int)response.StatusCode, response.Content.Headers.ContentType?.ToString()));
        var answer = await Api.BodyOf(response);
        Assert.Equal(Fields, Api.Names(answer));
        return answer;
    }

    private static async Task<JsonElement> UntilAsync(RunningService service, string id, string state)
    {
        await Eventually.HoldsAsync(async () => Text((await FollowAsync(service, id)), "state") == state, state);
        return await FollowAsync(service, id);
    }

    private Task<RunningService> StartAsync(FakeTimeProvider? time = null) => RunningService.StartAsync(
        settings => settings.WithServer(server => server with { ShutdownGrace = TimeSpan.Zero }) with
        {
            Callback = settings.Callback with { MaxRetries = 1, RetryDelay = TimeSpan.FromMilliseconds(20) },
        },
        services =>
        {
            services.AddSingleton<IAuthorizer>(_authorizer);
            if (time is not null)
                services.AddTime(time);
        });
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
