using System.Text;
using System.Text.Json;
using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests.Http;

[Collection(SharedService.Name)]
[Trait("Category", "Component")]
public sealed class SubmitTests(SharedService shared)
{
    private readonly RunningService _service = shared.Service;

    [Fact]
    public async Task ValidSubmission_IsAccepted_AndCalledBack()
    {
        using var answer = await _service.Http.PostAsync(Api.Submit, Api.Json(Api.Body(shared.Receiver.Url)));

        var id = await Api.AcceptedAsync(answer);
        await Eventually.HoldsAsync(
            () => shared.Receiver.Received.Any(callback => callback.WebhookId == id),
            "the callback"
        );
        Assert.Equal("allowed", shared.Receiver.Received.Single(callback => callback.WebhookId == id).Status);
    }

    [Fact]
    public async Task BrokenRules_AreAllNamed_TheFirstAsTheMessage()
    {
        using var answer = await _service.Http.PostAsync(
            Api.Submit,
            Api.Json("""{"stationId":"x","driverToken":"y","callbackUrl":"z"}""")
        );

        Assert.Equal(
            [
                ("stationId", "Invalid station_id format. Must be a valid UUID."),
                (
                    "driverToken",
                    "Invalid driver_token. Must be 20-80 characters of letters, digits, '-', '.', '_' or '~'."
                ),
                ("callbackUrl", "Invalid callback_url. Must be a valid HTTP/HTTPS URL."),
            ],
            await Api.InvalidAsync(answer)
        );
    }

    [Fact]
    public async Task RefusedAddress_IsNamedWithoutItsReason()
    {
        using var answer = await _service.Http.PostAsync(Api.Submit, Api.Json(Api.Body("http://10.0.0.1/cb")));

        Assert.Equal(
            [("callbackUrl", "Invalid callback_url. The address is not allowed.")],
            await Api.InvalidAsync(answer)
        );
    }

    [Fact]
    public async Task PathThatCannotBeSentAsItIs_IsNamed()
    {
        using var answer = await _service.Http.PostAsync(
            Api.Submit,
            Api.Json(Api.Body("https://hooks.example.com/100%"))
        );

        Assert.Equal(
            [
                (
                    "callbackUrl",
                    "Invalid callback_url. A '%' in the path or query must be followed by two hexadecimal digits."
                ),
            ],
            await Api.InvalidAsync(answer)
        );
    }

    [Theory]
    [InlineData("", "The request body is empty. Expected a JSON object.")]
    [InlineData("{\"driverToken\":\"" + Api.Token + "\",", "The request body is not valid JSON.")]
    [InlineData("[\"" + Api.Token + "\"]", "The request body is not a JSON object.")]
    public async Task MalformedBody_IsNamedAsAWhole_WithoutQuotingIt(string body, string message)
    {
        using var answer = await _service.Http.PostAsync(Api.Submit, Api.Json(body));

        Assert.Equal([("body", message)], await Api.InvalidAsync(answer));
        Assert.DoesNotContain(Api.Token, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/json; charset=utf-8")]
    [InlineData("application/json; charset=\"UTF-8\"")]
    [InlineData("APPLICATION/JSON;charset=Utf-8")]
    [InlineData("application/json; profile=x")]
    public async Task JsonInUtf8_IsTaken(string contentType)
    {
        using var answer = await SendAsync(contentType);

        await Api.AcceptedAsync(answer);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("text/plain")]
    [InlineData("text/json")]
    [InlineData("application/problem+json")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/*")]
    [InlineData("nonsense")]
    [InlineData("application/json; charset=iso-8859-1")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("application/json, application/json")]
    public async Task OtherContentType_Returns415(string? contentType)
    {
        using var answer = await SendAsync(contentType);

        Assert.Equal(
            "The content type must be application/json in UTF-8.",
            await Api.RefusedAsync(answer, 415, "unsupported_media_type")
        );
        Assert.False(answer.Headers.Contains("Accept-Encoding")); // the header would mean that the encoding is at fault
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("identity, gzip")]
    [InlineData("nonsense")]
    public async Task ContentEncoding_Returns415_AndSaysWhichIsAccepted(string encoding)
    {
        using var answer = await SendAsync("application/json", encoding);

        Assert.Equal(
            "The content encoding is not supported. Send the body without one, or with identity.",
            await Api.RefusedAsync(answer, 415, "unsupported_media_type")
        );
        Assert.Equal("identity", answer.Headers.GetValues("Accept-Encoding").Single());
    }

    [Fact]
    public async Task ContentEncodingOfAnOperatorsChange_Returns415_AndSaysWhichIsAccepted()
    {
        var content = Api.Json("{}");
        content.Headers.ContentEncoding.Add("gzip");

        using var answer = await _service.Management.PostAsync("/admin/destinations/pause", content);

        await Api.RefusedAsync(answer, 415, "unsupported_media_type");
        Assert.Equal("identity", answer.Headers.GetValues("Accept-Encoding").Single());
    }

    [Theory]
    [InlineData("identity")]
    [InlineData("Identity")]
    [InlineData("identity, identity")]
    public async Task IdentityAsContentEncoding_IsAccepted(string encoding)
    {
        using var answer = await SendAsync("application/json", encoding);

        await Api.AcceptedAsync(answer);
    }

    [Fact]
    public async Task ByteOrderMark_IsAccepted()
    {
        byte[] body = [0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(Api.Body(shared.Receiver.Url))];

        using var answer = await _service.Http.PostAsync(Api.Submit, Api.Json(body));

        await Api.AcceptedAsync(answer);
    }

    [Fact]
    public async Task CallersTrace_IsNotDisturbing()
    {
        using var answer = await _service.Http.SendAsync(
            Api.Post(
                Api.Body(shared.Receiver.Url),
                ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
            )
        );

        await Api.AcceptedAsync(answer);
    }

    [Fact]
    public async Task EveryAnswer_ForbidsCachesAndSniffing()
    {
        using var answer = await _service.Http.PostAsync(Api.Submit, Api.Json(Api.Body(shared.Receiver.Url)));

        Assert.True(answer.Headers.CacheControl!.NoStore);
        Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.False(answer.Headers.Contains("Server"));
        Assert.Equal(JsonValueKind.Object, (await Api.BodyOf(answer)).ValueKind);
    }

    private Task<HttpResponseMessage> SendAsync(string? contentType, string? encoding = null)
    {
        var content = Api.Json(Api.Body(shared.Receiver.Url));
        content.Headers.ContentType = null;
        if (contentType is not null)
            content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        if (encoding is not null)
            content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
        return _service.Http.PostAsync(Api.Submit, content);
    }
}
