using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests.Http;

[Trait("Category", "Component")]
public sealed class CorsTests : IAsyncLifetime
{
    private const string Allowed = "https://app.example.com";
    private RunningService _service = null!;

    public async Task InitializeAsync() =>
        _service = await RunningService.StartAsync(settings =>
            settings.WithServer(server => server with { CorsAllowedOrigins = [Allowed] })
        );

    public async Task DisposeAsync() => await _service.DisposeAsync();

    [Fact]
    public async Task PreflightOfAnAllowedOrigin_IsGranted()
    {
        using var answer = await PreflightAsync(Allowed);

        Assert.Equal(204, (int)answer.StatusCode);
        Api.Protected(answer);
        Assert.Equal(Allowed, answer.Headers.GetValues("Access-Control-Allow-Origin").Single());
        Assert.Equal("GET,POST", answer.Headers.GetValues("Access-Control-Allow-Methods").Single());
        Assert.Equal(
            "content-type,x-api-key,idempotency-key",
            answer.Headers.GetValues("Access-Control-Allow-Headers").Single()
        );
    }

    [Theory]
    [InlineData("https://other.example.com")]
    [InlineData("http://app.example.com")]
    [InlineData("null")]
    public async Task PreflightOfAnotherOrigin_IsNotGranted(string origin)
    {
        using var answer = await PreflightAsync(origin);

        Assert.DoesNotContain(
            answer.Headers,
            header => header.Key.StartsWith("Access-Control-Allow", StringComparison.Ordinal)
        );
    }

    [Theory]
    [InlineData(Allowed, true)]
    [InlineData("https://other.example.com", false)]
    public async Task Refusal_IsReadableForAnAllowedOriginAlone(string origin, bool isReadable)
    {
        using var answer = await _service.Http.SendAsync(Api.Post("{}", ("Origin", origin)));

        await Api.InvalidAsync(answer);
        Assert.Equal(isReadable, answer.Headers.Contains("Access-Control-Allow-Origin"));
        Assert.Equal(
            isReadable,
            answer.Headers.TryGetValues("Access-Control-Expose-Headers", out var exposed)
                && exposed.Single() == "Retry-After,RateLimit,RateLimit-Policy,Idempotent-Replay"
        );
    }

    [Fact]
    public async Task AnyOrigin_IsGrantedByAStar()
    {
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithServer(server => server with { CorsAllowedOrigins = ["*"] })
        );

        using var answer = await service.Http.SendAsync(Api.Post("{}", ("Origin", "https://any.example.com")));

        Assert.Equal("*", answer.Headers.GetValues("Access-Control-Allow-Origin").Single());
    }

    [Fact]
    public async Task WithoutTheSetting_NoOriginIsGranted()
    {
        await using var service = await RunningService.StartAsync();

        using var answer = await service.Http.SendAsync(Api.Post("{}", ("Origin", Allowed)));

        Assert.False(answer.Headers.Contains("Access-Control-Allow-Origin"));
    }

    private Task<HttpResponseMessage> PreflightAsync(string origin)
    {
        var request = new HttpRequestMessage(HttpMethod.Options, Api.Submit);
        request.Headers.Add("Origin", origin);
        request.Headers.Add("Access-Control-Request-Method", "POST");
        request.Headers.Add("Access-Control-Request-Headers", "content-type,x-api-key,idempotency-key");
        return _service.Http.SendAsync(request);
    }
}
