using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests.Http;

/// <summary>Requests that only a raw connection can send.</summary>
[Trait("Category", "Component")]
public sealed class BodyLimitsTests : IAsyncLifetime
{
    private const int BytesMax = 1_024;
    private static readonly TimeSpan ShortTimeout = TimeSpan.FromMilliseconds(300);
    private RunningService _service = null!;

    public async Task InitializeAsync() => _service = await StartAsync(Eventually.Patience);

    public async Task DisposeAsync() => await _service.DisposeAsync();

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(BytesMax)]
    public async Task ChunkedBodyOfTheLargestLength_IsTaken_HoweverItIsCut(int chunkLength)
    {
        var answer = await RawHttp.ExchangeAsync(_service, RawHttp.Chunked(Padded(BytesMax), chunkLength));

        Assert.Equal((200, "accepted"), (answer.StatusCode, answer.Json.GetProperty("status").GetString()));
    }

    [Fact]
    public async Task BodyOfTheLargestLength_IsTaken()
    {
        var answer = await RawHttp.ExchangeAsync(
            _service,
            $"{RawHttp.PostHead}Content-Length: {BytesMax}\r\n\r\n{Padded(BytesMax)}"
        );

        Assert.Equal(200, answer.StatusCode);
    }

    [Fact]
    public async Task ContentLengthOverTheLimit_Returns413_BeforeTheBodyIsSent()
    {
        var answer = await RawHttp.ExchangeAsync(_service, $"{RawHttp.PostHead}Content-Length: {BytesMax + 1}\r\n\r\n");

        AssertTooLarge(answer);
    }

    [Theory]
    [InlineData(BytesMax + 1, 100)]
    [InlineData(BytesMax + 1, BytesMax + 1)]
    [InlineData(BytesMax * 20, 4_000)]
    public async Task ChunkedBodyOverTheLimit_Returns413(int length, int chunkLength)
    {
        var answer = await RawHttp.ExchangeAsync(_service, RawHttp.Chunked(Padded(length), chunkLength));

        AssertTooLarge(answer);
    }

    [Fact]
    public async Task ChunkFramingWithoutEnd_Returns413()
    {
        var framing = string.Concat(Enumerable.Repeat($"1;{new string('e', 200)}\r\nx\r\n", 200));

        var answer = await RawHttp.ExchangeAsync(
            _service,
            $"{RawHttp.PostHead}Transfer-Encoding: chunked\r\n\r\n{framing}"
        );

        AssertTooLarge(answer);
    }

    [Theory]
    [InlineData("Content-Length: 100\r\n\r\n")]
    [InlineData("Content-Length: 100\r\n\r\n{\"stationId\":")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\n{\"sta\r\n")]
    public async Task SlowBody_Returns408(string start)
    {
        await using var impatient = await StartAsync(ShortTimeout);

        var answer = await RawHttp.ExchangeAsync(impatient, RawHttp.PostHead + start);

        Assert.Equal(408, answer.StatusCode);
        Assert.Equal("The body did not arrive within 300 ms.", Api.Refused(answer.Json, "request_timeout"));
    }

    [Fact]
    public async Task SlowHead_Returns408()
    {
        await using var impatient = await StartAsync(ShortTimeout);

        var answer = await RawHttp.ExchangeAsync(impatient, RawHttp.PostHead);

        Assert.Equal(408, answer.StatusCode);
    }

    [Theory]
    [InlineData(1, 33_000)]
    [InlineData(101, 10)]
    public async Task HeadOverTheLimit_Returns431_AndLosesNothing(int headers, int length)
    {
        await using var receiver = await CallbackReceiver.StartAsync();
        var body = Api.Body(receiver.Url);
        using var raw = await RawHttp.ConnectAsync(_service);
        await raw.SendAsync(
            RawHttp.PostHead.Replace("Connection: close\r\n", "", StringComparison.Ordinal)
                + $"Content-Length: {body.Length}\r\n\r\n{body}"
        );
        var accepted = await raw.ReceiveAsync();
        var more = string.Concat(Enumerable.Range(0, headers).Select(i => $"X-{i}: {new string('x', length)}\r\n"));

        await raw.SendAsync($"{RawHttp.PostHead}{more}Content-Length: {body.Length}\r\n\r\n{body}");
        var refused = await raw.ReceiveAsync();

        Assert.Equal((200, 431), (accepted.StatusCode, refused.StatusCode));
        Assert.Contains("Connection: close", refused.Head, StringComparison.Ordinal);
        var id = accepted.Json.GetProperty("requestId").GetString();
        await Eventually.HoldsAsync(
            async () => (await _service.GetAsync($"{Api.Submit}/{id}")).GetProperty("state").GetString() == "delivered",
            "the request before it on the connection is delivered"
        );
        Assert.Single(receiver.Received);
        await _service.AcceptAsync(receiver.Url);
    }

    [Fact]
    public async Task SlowBody_ClosesTheConnection_AlsoOfACallerWhoWouldKeepIt()
    {
        await using var impatient = await StartAsync(ShortTimeout);

        var answer = await RawHttp.ExchangeAsync(
            impatient,
            RawHttp.PostHead.Replace("Connection: close\r\n", "", StringComparison.Ordinal)
                + "Content-Length: 100\r\n\r\n"
        );

        Assert.Equal(408, answer.StatusCode);
        Assert.Contains("Connection: close", answer.Head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BodyInTwoHalves_IsReadWhole()
    {
        var body = Api.Body();
        using var raw = await RawHttp.ConnectAsync(_service);

        await raw.SendAsync($"{RawHttp.PostHead}Content-Length: {body.Length}\r\n\r\n{body[..40]}");
        await raw.SendAsync(body[40..]);

        Assert.Equal(200, (await raw.ReceiveAsync()).StatusCode);
    }

    [Theory]
    [InlineData("zz\r\n{}\r\n0\r\n\r\n")]
    [InlineData("2\r\n{}oops\r\n0\r\n\r\n")]
    public async Task BrokenChunks_Return400(string chunks)
    {
        var answer = await RawHttp.ExchangeAsync(
            _service,
            $"{RawHttp.PostHead}Transfer-Encoding: chunked\r\n\r\n{chunks}"
        );

        Assert.Equal(400, answer.StatusCode);
        Assert.Equal("The request body could not be read.", Api.Refused(answer.Json, "validation_error"));
    }

    [Fact]
    public async Task CallerWhoHangsUp_LeavesTheServiceWell()
    {
        using (var raw = await RawHttp.ConnectAsync(_service))
            await raw.SendAsync($"{RawHttp.PostHead}Content-Length: 100\r\n\r\n{{");

        Assert.Equal(200, (await RawHttp.ExchangeAsync(_service, RawHttp.Chunked(Api.Body(), 50))).StatusCode);
        await Eventually.HoldsAsync(
            async () =>
                (await _service.GetAsync("/metrics")).GetProperty("requests").TryGetProperty("validation_error", out _),
            "the broken body"
        );
        Assert.False(
            (await _service.GetAsync("/metrics")).GetProperty("requests").TryGetProperty("internal_error", out _)
        );
    }

    private static Task<RunningService> StartAsync(TimeSpan requestTimeout) =>
        RunningService.StartAsync(settings =>
            settings.WithServer(server =>
                server with
                {
                    MaxRequestBodyBytes = BytesMax,
                    RequestTimeout = requestTimeout,
                    ShutdownGrace = TimeSpan.Zero,
                }
            )
        );

    private static void AssertTooLarge(RawAnswer answer)
    {
        Assert.Equal(413, answer.StatusCode);
        Assert.Equal($"The body is longer than {BytesMax} bytes.", Api.Refused(answer.Json, "payload_too_large"));
        Assert.Contains("Connection: close", answer.Head, StringComparison.Ordinal);
    }

    private static string Padded(int length) =>
        Api.Body(more: ",\"padding\":\"\"") is var body
            ? body.Insert(body.Length - 2, new string('p', length - body.Length))
            : "";
}
