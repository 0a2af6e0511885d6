using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Http;

[Trait("Category", "Component")]
public sealed class ApiKeyTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2030-01-01T00:00:00Z"));
    private RunningService _service = null!;
    private CallbackReceiver _receiver = null!;

    public async Task InitializeAsync()
    {
        _receiver = await CallbackReceiver.StartAsync();
        _service = await RunningService.StartAsync(
            settings =>
                settings.WithServer(server =>
                    server with
                    {
                        ShutdownGrace = TimeSpan.Zero,
                        ApiKeys =
                        [
                            Key("alice", "alice-old"),
                            Key("alice", "alice-new"),
                            Key("bob", "bob"),
                            Key("exact", "exact", hosts: ["receiver.example.com"]),
                            Key("below", "below", hosts: ["*.example.com"]),
                            Key("limited", "limited-1", perSecond: 2),
                            Key("limited", "limited-2", perSecond: 2),
                            Key("slow", "slow", perSecond: 0.1),
                            Key("nobody", ""),
                        ],
                    }
                ),
            services => services.AddTime(_time)
        );
    }

    public async Task DisposeAsync()
    {
        await _service.DisposeAsync();
        await _receiver.DisposeAsync();
    }

    [Theory]
    [InlineData("X-Api-Key", "bob")]
    [InlineData("Authorization", "Bearer bob")]
    [InlineData("Authorization", "bearer  bob")]
    public async Task KnownKey_IsTaken_InEitherHeader(string header, string value)
    {
        using var answer = await SendAsync(Api.Body(_receiver.Url), (header, value));

        await Api.AcceptedAsync(answer);
    }

    [Theory]
    [InlineData("X-Unrelated", "bob")]
    [InlineData("X-Api-Key", "")]
    [InlineData("X-Api-Key", "unknown")]
    [InlineData("X-Api-Key", "BOB")]
    // what the settings hold of it
    [InlineData("X-Api-Key", "81b637d8fcd2c6da6359e6963113a1170de795e4b725b84d1e0b4cfd9ec58ce9")]
    [InlineData("X-Api-Key", "81B637D8FCD2C6DA6359E6963113A1170DE795E4B725B84D1E0B4CFD9EC58CE9")]
    [InlineData("Authorization", "bob")]
    [InlineData("Authorization", "Basic bob")]
    [InlineData("Authorization", "Bearer")]
    [InlineData("Authorization", "Bearer ")]
    [InlineData("Authorization", "Bearer unknown")]
    public async Task MissingOrUnknownKey_Returns401_OnBothRoutes(string header, string value)
    {
        using var submitted = await SendAsync(Api.Body(_receiver.Url), (header, value));
        using var followed = await FollowAsync($"req-{Guid.CreateVersion7()}", (header, value));

        foreach (var answer in new[] { submitted, followed })
        {
            Assert.Equal("The API key is missing or unknown.", await Api.RefusedAsync(answer, 401, "unauthorized"));
            Assert.Equal("Bearer", answer.Headers.WwwAuthenticate.Single().Scheme);
        }
    }

    [Fact]
    public async Task UnknownKey_LearnsNothingAboutTheBody()
    {
        using var answer = await SendAsync("not json", ("X-Api-Key", "unknown"));

        await Api.RefusedAsync(answer, 401, "unauthorized");
    }

    [Theory]
    [InlineData("exact", "https://receiver.example.com/cb", 200)]
    [InlineData("exact", "https://RECEIVER.example.com./cb", 200)]
    [InlineData("exact", "https://other.example.com/cb", 403)]
    [InlineData("exact", "https://receiver.example.com.attacker.dev/cb", 403)]
    [InlineData("exact", "https://a.receiver.example.com/cb", 403)]
    [InlineData("below", "https://receiver.example.com/cb", 200)]
    [InlineData("below", "https://a.b.example.com/cb", 200)]
    [InlineData("below", "https://example.com/cb", 403)]
    [InlineData("below", "https://notexample.com/cb", 403)]
    [InlineData("bob", "https://anywhere.example.com/cb", 200)]
    public async Task CallbackHosts_BoundWhereAKeyMayCallBack(string key, string url, int statusCode)
    {
        using var answer = await SendAsync(Api.Body(url), ("X-Api-Key", key));

        if (statusCode == 200)
            await Api.AcceptedAsync(answer);
        else
            Assert.Equal(
                "The API key may not call back to this host.",
                await Api.RefusedAsync(answer, statusCode, "forbidden")
            );
    }

    [Fact]
    public async Task RateLimit_Returns429_SharedByTheKeysOfOneName_AndRefills()
    {
        await Api.AcceptedAsync(await SendAsync(Api.Body(_receiver.Url), ("X-Api-Key", "limited-1")));
        await Api.AcceptedAsync(await SendAsync(Api.Body(_receiver.Url), ("X-Api-Key", "limited-2")));

        using (var refused = await SendAsync(Api.Body(_receiver.Url), ("X-Api-Key", "limited-1")))
        {
            Assert.Equal("The API key's rate limit is used up.", await Api.RefusedAsync(refused, 429, "rate_limited"));
            Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter!.Delta);
        }

        await Api.AcceptedAsync(await SendAsync(Api.Body(_receiver.Url), ("X-Api-Key", "bob")));
        _time.Advance(TimeSpan.FromMilliseconds(500));
        await Api.AcceptedAsync(await SendAsync(Api.Body(_receiver.Url), ("X-Api-Key", "limited-2")));
        using (var refused = await SendAsync(Api.Body(_receiver.Url), ("X-Api-Key", "limited-2")))
            await Api.RefusedAsync(refused, 429, "rate_limited");
    }

    [Fact]
    public async Task LookUps_HaveTheKeysRateLimit_ApartFromSubmissions()
    {
        var id = await Api.AcceptedAsync(await SendAsync(Api.Body(_receiver.Url), ("X-Api-Key", "limited-1")));
        using (var first = await FollowAsync(id, ("X-Api-Key", "limited-1")))
        using (var second = await FollowAsync("garbage", ("X-Api-Key", "limited-2")))
            Assert.Equal((200, 404), ((int)first.StatusCode, (int)second.StatusCode));

        using (var refused = await FollowAsync(id, ("X-Api-Key", "limited-1")))
        {
            Assert.Equal("The API key's rate limit is used up.", await Api.RefusedAsync(refused, 429, "rate_limited"));
            Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter!.Delta);
        }

        await Api.AcceptedAsync(await SendAsync(Api.Body(_receiver.Url), ("X-Api-Key", "limited-1")));
        using (var other = await FollowAsync(id, ("X-Api-Key", "bob")))
            Assert.Equal(404, (int)other.StatusCode);
        _time.Advance(TimeSpan.FromMilliseconds(500));
        using (var again = await FollowAsync(id, ("X-Api-Key", "limited-2")))
            Assert.Equal(200, (int)again.StatusCode);
    }

    [Theory]
    [InlineData("limited-1", "\"key\";q=2;w=1", "\"key\";r=1;t=1", "\"key\";r=0;t=1")]
    [InlineData("slow", "\"key\";q=1;w=10", "\"key\";r=0;t=10", "\"key\";r=0;t=10")]
    public async Task RateLimit_IsToldWithEachAnswer(string key, string policy, string first, string last)
    {
        using var answer = await SendAsync(Api.Body(_receiver.Url), ("X-Api-Key", key));
        using (await SendAsync(Api.Body(_receiver.Url), ("X-Api-Key", key))) { }
        using var refused = await SendAsync(Api.Body(_receiver.Url), ("X-Api-Key", key));

        Assert.Equal((200, 429), ((int)answer.StatusCode, (int)refused.StatusCode));
        Assert.All(
            new[] { answer, refused },
            told => Assert.Equal(policy, Assert.Single(told.Headers.GetValues("RateLimit-Policy")))
        );
        Assert.Equal(first, Assert.Single(answer.Headers.GetValues("RateLimit")));
        Assert.Equal(last, Assert.Single(refused.Headers.GetValues("RateLimit")));
    }

    [Fact]
    public async Task NoRateLimit_NoneIsTold()
    {
        using var answer = await SendAsync(Api.Body(_receiver.Url), ("X-Api-Key", "bob"));

        Assert.DoesNotContain(
            answer.Headers,
            header => header.Key.StartsWith("RateLimit", StringComparison.OrdinalIgnoreCase)
        );
    }

    [Fact]
    public async Task RateLimitBelowOneASecond_SaysHowLongToWait()
    {
        await Api.AcceptedAsync(await SendAsync(Api.Body(_receiver.Url), ("X-Api-Key", "slow")));

        using var refused = await SendAsync(Api.Body(_receiver.Url), ("X-Api-Key", "slow"));

        await Api.RefusedAsync(refused, 429, "rate_limited");
        Assert.Equal(TimeSpan.FromSeconds(10), refused.Headers.RetryAfter!.Delta);
    }

    [Fact]
    public async Task Key_SeesOnlyItsOwnRequests_AlsoWhenRotated()
    {
        var id = await Api.AcceptedAsync(await SendAsync(Api.Body(_receiver.Url), ("X-Api-Key", "alice-old")));

        using var own = await FollowAsync(id, ("X-Api-Key", "alice-old"));
        using var rotated = await FollowAsync(id, ("X-Api-Key", "alice-new"));
        using var foreign = await FollowAsync(id, ("X-Api-Key", "bob"));
        using var absent = await FollowAsync($"req-{Guid.CreateVersion7()}", ("X-Api-Key", "bob"));

        Assert.Equal(id, (await Api.BodyOf(own)).GetProperty("requestId").GetString());
        Assert.Equal(id, (await Api.BodyOf(rotated)).GetProperty("requestId").GetString());
        Assert.Equal(
            await Api.RefusedAsync(absent, 404, "not_found"),
            await Api.RefusedAsync(foreign, 404, "not_found")
        );
    }

    [Fact]
    public async Task IdempotencyKeys_AreScopedToTheName()
    {
        var body = Api.Body(_receiver.Url);
        var alice = await Api.AcceptedAsync(
            await SendAsync(body, ("X-Api-Key", "alice-old"), ("Idempotency-Key", "scoped"))
        );

        var rotated = await Api.AcceptedAsync(
            await SendAsync(body, ("X-Api-Key", "alice-new"), ("Idempotency-Key", "scoped"))
        );
        var bob = await Api.AcceptedAsync(await SendAsync(body, ("X-Api-Key", "bob"), ("Idempotency-Key", "scoped")));

        Assert.Equal(alice, rotated);
        Assert.NotEqual(alice, bob);
    }

    [Theory]
    [InlineData("/health")]
    [InlineData("/health/ready")]
    [InlineData("/metrics")]
    [InlineData("/openapi/v1.json")]
    public async Task ProbesAndDescription_NeedNoKey(string path)
    {
        using var answer = await _service.Http.GetAsync(path);

        Assert.Equal(200, (int)answer.StatusCode);
        Api.Protected(answer);
    }

    private static ApiKeySettings Key(string name, string key, string[]? hosts = null, double perSecond = 0) =>
        new(name, Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(key))), hosts ?? [], perSecond);

    private Task<HttpResponseMessage> SendAsync(string body, params (string Name, string Value)[] headers) =>
        _service.Http.SendAsync(Api.Post(body, headers));

    private Task<HttpResponseMessage> FollowAsync(string id, (string Name, string Value) header)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, $"{Api.Submit}/{id}");
        request.Headers.TryAddWithoutValidation(header.Name, header.Value);
        return _service.Http.SendAsync(request);
    }
}
