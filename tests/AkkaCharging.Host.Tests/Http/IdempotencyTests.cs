using System.Text;
using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests.Http;

[Collection(SharedService.Name)]
[Trait("Category", "Component")]
public sealed class IdempotencyTests(SharedService shared)
{
    private const string Header = "Idempotency-Key";
    private readonly RunningService _service = shared.Service;

    private string Body => Api.Body(shared.Receiver.Url);

    [Fact]
    public async Task SameKeyAndFields_GiveTheSameRequest_MarkedAsReplay()
    {
        using var first = await SendAsync("replayed", Body);
        using var second = await SendAsync("replayed", " " + Body.Replace(",", " , ", StringComparison.Ordinal));

        Assert.Equal(await Api.AcceptedAsync(first), await Api.AcceptedAsync(second));
        Assert.False(first.Headers.Contains("Idempotent-Replay"));
        Assert.Equal("true", second.Headers.GetValues("Idempotent-Replay").Single());
    }

    [Fact]
    public async Task SameStationInAnotherCase_IsTheSameRequest()
    {
        var upper = Body.Replace(
            RunningService.Station,
            RunningService.Station.ToUpperInvariant(),
            StringComparison.Ordinal
        );

        using var first = await SendAsync("station-case", upper);
        using var second = await SendAsync("station-case", Body);

        var id = await Api.AcceptedAsync(first);
        Assert.Equal(id, await Api.AcceptedAsync(second));
        await Eventually.HoldsAsync(
            () => shared.Receiver.Received.Any(callback => callback.WebhookId == id),
            "the callback"
        );
        Assert.Contains(
            RunningService.Station.ToUpperInvariant(),
            Encoding.UTF8.GetString(shared.Receiver.Received.Single(callback => callback.WebhookId == id).Body),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task ManyCopiesAtOnce_AreOneRequest()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => SendAsync("copies", Body)));

        var ids = await Task.WhenAll(answers.Select(Api.AcceptedAsync));
        Assert.Single(ids.Distinct());
        Assert.Single(answers, answer => !answer.Headers.Contains("Idempotent-Replay"));
        await Eventually.HoldsAsync(
            () => shared.Receiver.Received.Any(callback => callback.WebhookId == ids[0]),
            "the callback"
        );
        Assert.Single(shared.Receiver.Received, callback => callback.WebhookId == ids[0]);
    }

    [Theory]
    [InlineData("url")]
    [InlineData("station")]
    [InlineData("token")]
    [InlineData("validity")]
    public async Task SameKeyWithAnotherField_Returns409(string what)
    {
        using var first = await SendAsync("conflict-" + what, Body);
        var other = what switch
        {
            "url" => Api.Body(shared.Receiver.Url + "/other"),
            "station" => Body.Replace(RunningService.Station, $"{Guid.NewGuid()}", StringComparison.Ordinal),
            "token" => Api.Body(shared.Receiver.Url, token: RunningService.UnknownToken),
            _ => Api.Body(shared.Receiver.Url, more: ",\"validForMillis\":5000"),
        };

        using var second = await SendAsync("conflict-" + what, other);

        Assert.Equal(
            "The Idempotency-Key was used with other field values.",
            await Api.RefusedAsync(second, 409, "conflict")
        );
    }

    [Fact]
    public async Task OtherKey_IsAnotherRequest()
    {
        using var first = await SendAsync("one", Body);
        using var second = await SendAsync("two", Body);

        Assert.NotEqual(await Api.AcceptedAsync(first), await Api.AcceptedAsync(second));
    }

    [Theory]
    [InlineData("k")]
    [InlineData("with space and ~!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}")]
    public async Task PrintableKey_IsTaken(string key)
    {
        using var answer = await SendAsync(key, Body);

        await Api.AcceptedAsync(answer);
    }

    [Fact]
    public async Task KeyOfTheLargestLength_IsTaken_OneMoreIsNot()
    {
        using var longest = await SendAsync(new string('k', 255), Body);
        using var tooLong = await SendAsync(new string('k', 256), Body);

        await Api.AcceptedAsync(longest);
        await InvalidKeyAsync(tooLong);
    }

    [Theory]
    [InlineData("Idempotency-Key:\r\n")]
    [InlineData("Idempotency-Key: \r\n")]
    [InlineData("Idempotency-Key: \u00c3\u00a4\r\n")] // UTF-8 on the wire
    [InlineData("Idempotency-Key: a\tb\r\n")]
    [InlineData("Idempotency-Key: a\r\nIdempotency-Key: b\r\n")]
    public async Task KeyThatIsNotOnePrintableText_Returns400(string header)
    {
        var answer = await RawHttp.ExchangeAsync(
            _service,
            $"{RawHttp.PostHead}{header}Content-Length: {Body.Length}\r\n\r\n{Body}"
        );

        Assert.Equal(400, answer.StatusCode);
        Assert.Equal(
            "Invalid Idempotency-Key. Must be 1-255 printable ASCII characters.",
            Api.Refused(answer.Json, "validation_error")
        );
    }

    private static async Task InvalidKeyAsync(HttpResponseMessage answer) =>
        Assert.Equal(
            [(Header, "Invalid Idempotency-Key. Must be 1-255 printable ASCII characters.")],
            await Api.InvalidAsync(answer)
        );

    private Task<HttpResponseMessage> SendAsync(string key, string body) =>
        _service.Http.SendAsync(Api.Post(body, (Header, key)));
}
