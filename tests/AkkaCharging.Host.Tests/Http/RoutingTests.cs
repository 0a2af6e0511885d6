using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests.Http;

[Collection(SharedService.Name)]
[Trait("Category", "Component")]
public sealed class RoutingTests(SharedService shared)
{
    private readonly RunningService _service = shared.Service;

    [Theory]
    [InlineData("GET", "/")]
    [InlineData("POST", "/api/v1")]
    [InlineData("POST", "/api/v2/charging-session")]
    [InlineData("GET", "/api/v1/charging-session/a/b")]
    [InlineData("GET", "/openapi/v2.json")]
    [InlineData("GET", "/docs")]
    [InlineData("GET", "/dev/callbacks")]
    [InlineData("POST", "/dev/callbacks")]
    [InlineData("GET", "/..%2f..%2fetc%2fpasswd")]
    public async Task UnknownRoute_Returns404(string method, string path)
    {
        using var answer = await _service.Http.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

        Assert.Equal("There is nothing here.", await Api.RefusedAsync(answer, 404, "not_found"));
    }

    [Theory]
    [InlineData("GET", Api.Submit, "POST")]
    [InlineData("PUT", Api.Submit, "POST")]
    [InlineData("OPTIONS", Api.Submit, "POST")]
    [InlineData("BREW", Api.Submit, "POST")]
    [InlineData("DELETE", Api.Submit + "/req-x", "GET, HEAD")]
    [InlineData("HEAD", Api.Submit, "POST")]
    [InlineData("POST", "/health", "GET, HEAD")]
    [InlineData("POST", "/health/live", "GET, HEAD")]
    [InlineData("DELETE", "/health/ready", "GET, HEAD")]
    [InlineData("POST", "/metrics", "GET, HEAD")]
    public async Task OtherMethod_Returns405_AndNamesTheRightOnes(string method, string path, string allowed)
    {
        using var answer = await _service.Http.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

        if (method is "HEAD")
            Assert.Equal(405, (int)answer.StatusCode);
        else
            await Api.RefusedAsync(answer, 405, "method_not_allowed");
        Assert.Equal(allowed, string.Join(", ", answer.Content.Headers.Allow.Order(StringComparer.Ordinal)));
    }

    [Theory]
    [InlineData("/health/live", 200)]
    [InlineData("/health/ready", 200)]
    [InlineData("/health", 200)]
    [InlineData("/metrics", 200)]
    [InlineData("/openapi/v1.json", 200)]
    [InlineData(Api.Submit + "/req-x", 404)]
    [InlineData("/nothing", 404)]
    public async Task Head_IsAnsweredLikeGet_WithoutTheBody(string path, int statusCode) =>
        await HeadIsLikeGetAsync(_service.Http, path, statusCode);

    [Theory]
    [InlineData("/console", 200)]
    [InlineData("/admin/overview", 200)]
    [InlineData("/admin/dead-letters", 200)]
    [InlineData("/admin/dead-letters?limit=0", 400)]
    [InlineData("/openapi/admin.json", 200)]
    [InlineData("/metrics", 404)]
    public async Task HeadToTheOperatorsListener_IsAnsweredLikeGet(string path, int statusCode) =>
        await HeadIsLikeGetAsync(_service.Management, path, statusCode);

    [Theory]
    [InlineData(Api.Submit + "/req-x")]
    [InlineData("/nothing")]
    public async Task HeadOfWhatIsNotFound_HasTheLengthOfItsGet(string path)
    {
        using var get = await _service.Http.GetAsync(path);
        using var head = await _service.Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, path));

        Assert.Equal((404, 404), ((int)get.StatusCode, (int)head.StatusCode));
        Assert.Equal(get.Content.Headers.ContentLength, head.Content.Headers.ContentLength);
    }

    [Fact]
    public async Task HeadOfARequest_IsAnsweredLikeGet()
    {
        var id = await _service.AcceptAsync(shared.Receiver.Url);

        await HeadIsLikeGetAsync(_service.Http, $"{Api.Submit}/{id}", 200);
    }

    private static async Task HeadIsLikeGetAsync(HttpClient listener, string path, int statusCode)
    {
        using var get = await listener.GetAsync(path);
        using var head = await listener.SendAsync(new HttpRequestMessage(HttpMethod.Head, path));

        Assert.Equal((statusCode, statusCode), ((int)get.StatusCode, (int)head.StatusCode));
        Assert.Equal(HeadersOf(get), HeadersOf(head));
        Assert.True(head.Content.Headers.ContentLength > 0);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync());
    }

    /// <summary>All but the length and the date, which vary with the time.</summary>
    private static IEnumerable<string> HeadersOf(HttpResponseMessage answer) =>
        answer
            .Headers.Concat(answer.Content.Headers)
            .Where(header => header.Key is not ("Date" or "Content-Length" or "Transfer-Encoding"))
            .Select(header => $"{header.Key}: {string.Join(", ", header.Value)}")
            .Order(StringComparer.Ordinal);
}
