using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Http;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Authorization.Http;

[Trait("Category", "Component")]
public sealed class HttpAuthorizerTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(Queries.Now);
    private AuthorizerServer _server = null!;
    private HttpAuthorizer _authorizer = null!;

    public async Task InitializeAsync()
    {
        _server = await AuthorizerServer.StartAsync();
        _authorizer = To(_server.Url);
    }

    public async Task DisposeAsync()
    {
        _authorizer.Dispose();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("", null)]
    [InlineData("s3cret", "Bearer s3cret")]
    public async Task Question_CarriesStationTokenAndRequest(string bearerToken, string? authorization)
    {
        using var authorizer = To(_server.Url, bearerToken);
        var query = Queries.Some(station: Queries.Station.ToUpperInvariant());
        string? method = null,
            contentType = null,
            sent = null;
        var body = "";
        _server.Handler = async context =>
        {
            method = context.Request.Method;
            contentType = context.Request.ContentType;
            sent = context.Request.Headers.Authorization;
            body = await new StreamReader(context.Request.Body).ReadToEndAsync();
            await _server.Answers(200, """{"status":"allowed"}""").Handler(context);
        };

        Assert.Equal(AuthorizerAnswer.Allow(), await authorizer.AuthorizeAsync(query, default));

        Assert.Equal(("POST", "application/json", authorization), (method, contentType, sent));
        using var json = JsonDocument.Parse(body);
        Assert.Equal(
            [
                ("stationId", query.Station.Text),
                ("driverToken", Queries.Token),
                ("requestId", query.RequestId.ToString()),
            ],
            json.RootElement.EnumerateObject().Select(field => (field.Name, field.Value.GetString()!))
        );
    }

    [Theory]
    [InlineData("""{"status":"allowed"}""", "allowed", "authorized")]
    [InlineData("""{"status":"allowed","reason":"in_acl","more":[1]}""", "allowed", "authorized")]
    [InlineData("""{"status":"allowed","reason":"blocked"}""", "allowed", "authorized")]
    [InlineData("""{"status":"not_allowed"}""", "not_allowed", "not_in_acl")]
    [InlineData("""{"status":"not_allowed","reason":null}""", "not_allowed", "not_in_acl")]
    [InlineData("""{"status":"not_allowed","reason":"not_in_acl"}""", "not_allowed", "not_in_acl")]
    [InlineData("""{"status":"not_allowed","reason":"blocked"}""", "not_allowed", "blocked")]
    [InlineData("""{"status":"not_allowed","reason":"expired"}""", "not_allowed", "expired")]
    [InlineData("""{"status":"not_allowed","reason":"station_not_allowed"}""", "not_allowed", "station_not_allowed")]
    [InlineData("""{"status":"not_allowed","reason":"no_credit"}""", "not_allowed", "no_credit")]
    [InlineData("""{"status":"not_allowed","reason":"concurrent_session"}""", "not_allowed", "concurrent_session")]
    [InlineData("""{"status":"not_allowed","reason":"in_acl"}""", "not_allowed", "not_in_acl")]
    [InlineData("""{"status":"not_allowed","reason":"timeout"}""", "not_allowed", "not_in_acl")]
    [InlineData("""{"status":"not_allowed","reason":"out of credit"}""", "not_allowed", "not_in_acl")]
    [InlineData("\ufeff{\"status\":\"allowed\"}", "allowed", "authorized")]
    public async Task Answer_IsUnderstood(string body, string status, string reason)
    {
        _server.Answers(200, body, "application/json; charset=utf-8");

        var answer = await _authorizer.AuthorizeAsync(Queries.Some(), default);

        Assert.Null(answer.Failure);
        Assert.Equal((status, reason), (answer.Status.Name(), answer.Reason.Name()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"status":"ALLOWED"}""")]
    [InlineData("""{"status":"canary-token-0123456789"}""")]
    [InlineData("""{"status":true}""")]
    [InlineData("""{"status":"allowed","reason":7}""")]
    [InlineData("""{"status":"not_allowed","status":"allowed"}""")]
    [InlineData("""{"canary-token-0123456789":{""")]
    [InlineData("""{"status":"allowed"} x""")]
    public async Task Nonsense_IsAnErrorThatNoRetryHelps(string body)
    {
        _server.Answers(200, body);

        await FailsAsync(isTransient: false, "answered");
    }

    [Theory]
    [InlineData("text/html")]
    [InlineData("")]
    public async Task OtherContent_IsAnErrorThatNoRetryHelps(string contentType)
    {
        _server.Answers(200, """{"status":"allowed"}""", contentType);

        await FailsAsync(isTransient: false, "a content type other than application/json");
    }

    [Fact]
    public async Task AnswerOver4Kilobytes_IsAnErrorThatNoRetryHelps()
    {
        const string answer = """{"status":"allowed"}""";
        _server.Answers(200, answer.PadRight(4096));
        Assert.Equal(AuthorizerAnswer.Allow(), await _authorizer.AuthorizeAsync(Queries.Some(), default));

        _server.Answers(200, answer.PadRight(4097));
        await FailsAsync(isTransient: false, "more than 4096 bytes");
    }

    [Theory]
    [InlineData(408, true)]
    [InlineData(429, true)]
    [InlineData(500, true)]
    [InlineData(503, true)]
    [InlineData(599, true)]
    [InlineData(600, false)]
    [InlineData(999, false)]
    [InlineData(302, false)]
    [InlineData(400, false)]
    [InlineData(401, false)]
    [InlineData(403, false)]
    [InlineData(404, false)]
    public async Task OtherStatus_IsAnError(int status, bool isTransient)
    {
        var answer = _server.Answers(status).Handler;
        _server.Handler = context =>
        {
            context.Response.Headers.Location = "/elsewhere";
            context.Response.Headers.SetCookie = "a=b";
            return answer(context);
        };

        await FailsAsync(isTransient, $"answered {status}");
        Assert.Equal(1, _server.Calls);
    }

    [Fact]
    public async Task NobodyListening_IsTransient()
    {
        await _server.DisposeAsync();

        await FailsAsync(isTransient: true, "could not be reached");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task BrokenConnection_IsTransient(bool afterTheHeaders)
    {
        _server.Handler = async context =>
        {
            context.Response.ContentType = "application/json";
            if (afterTheHeaders)
                await context.Response.Body.WriteAsync("{"u8.ToArray());
            await context.Response.Body.FlushAsync();
            context.Abort();
        };

        await FailsAsync(isTransient: true, "broke the connection");
    }

    [Theory]
    [InlineData("220 mail.example ready\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")]
    public async Task SomethingElseThanHttp_IsAnErrorThatNoRetryHelps(string answer)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var authorizer = To(new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/"));
        var call = authorizer.AuthorizeAsync(Queries.Some(), default).AsTask();
        using var peer = await listener.AcceptTcpClientAsync();
        _ = await peer.GetStream().ReadAtLeastAsync(new byte[100], 100);
        await peer.GetStream().WriteAsync(Encoding.ASCII.GetBytes(answer));

        var error = await Assert.ThrowsAsync<AuthorizerUnavailableException>(() => call);

        Assert.False(error.IsTransient, error.ToString());
    }

    [Fact]
    public async Task NoAnswerInTime_IsTransient_AndGivesUpTheCall()
    {
        var (asked, left) = Hang();
        var call = _authorizer.AuthorizeAsync(Queries.Some(), default).AsTask();
        await asked;

        _time.Advance(TimeSpan.FromSeconds(5));

        var error = await Assert.ThrowsAsync<AuthorizerUnavailableException>(() => call);
        Assert.True(error.IsTransient);
        Assert.Contains("did not answer within 5000 ms", error.Message, StringComparison.Ordinal);
        await left.WaitAsync(Eventually.Patience);
    }

    [Fact]
    public async Task CancelledCall_IsThrownAsSuch()
    {
        var (asked, left) = Hang();
        using var caller = new CancellationTokenSource();
        var call = _authorizer.AuthorizeAsync(Queries.Some(), caller.Token).AsTask();
        await asked;

        await caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await left.WaitAsync(Eventually.Patience);
    }

    [Fact]
    public void NoUrl_IsRefusedAtOnce() =>
        Assert.Throws<ArgumentException>(() =>
            new HttpAuthorizer(new HttpAuthorizerSettings(Url: null, "", TimeSpan.FromSeconds(5)), _time)
        );

    private HttpAuthorizer To(Uri url, string bearerToken = "") =>
        new(new HttpAuthorizerSettings(url, bearerToken, TimeSpan.FromSeconds(5)), _time);

    private async Task FailsAsync(bool isTransient, string message)
    {
        var error = await Assert.ThrowsAsync<AuthorizerUnavailableException>(async () =>
            await _authorizer.AuthorizeAsync(Queries.Some(), default)
        );
        Assert.Equal(isTransient, error.IsTransient);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", error.ToString(), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("secret", error.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    private (Task Asked, Task Left) Hang()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _server.Handler = context =>
        {
            context.RequestAborted.Register(() => left.TrySetResult());
            asked.SetResult();
            return left.Task;
        };
        return (asked.Task, left.Task);
    }
}
