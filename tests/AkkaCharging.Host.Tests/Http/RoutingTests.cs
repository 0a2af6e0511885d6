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
    [InlineData("DELETE", Api.Submit + "/req-x", "GET")]
    [InlineData("POST", "/health", "GET")]
    [InlineData("POST", "/health/live", "GET, HEAD")]
    [InlineData("DELETE", "/health/ready", "GET, HEAD")]
    [InlineData("POST", "/metrics", "GET")]
    public async Task OtherMethod_Returns405_AndNamesTheRightOnes(string method, string path, string allowed)
    {
        using var answer = await _service.Http.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

        await Api.RefusedAsync(answer, 405, "method_not_allowed");
        Assert.Equal(allowed, string.Join(", ", answer.Content.Headers.Allow.Order(StringComparer.Ordinal)));
    }

    [Theory]
    [InlineData("/health/live", 200)]
    [InlineData("/nothing", 404)]
    public async Task Head_HasNoBody(string path, int statusCode)
    {
        using var answer = await _service.Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, path));

        Assert.Equal(statusCode, (int)answer.StatusCode);
        Assert.True(answer.Content.Headers.ContentLength > 0);
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
    }
}
