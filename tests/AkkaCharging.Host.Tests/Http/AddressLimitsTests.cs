using System.Net;
using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Host.Http;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Http;

/// <summary>The rate limit of callers without an API key.</summary>
[Trait("Category", "Component")]
public sealed class AddressLimitsTests
{
    private const int GenerationMax = AddressTable<RequestRate>.GenerationMax;
    private const string Message = "The rate limit of this address is used up.";
    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2030-01-01T00:00:00Z"));

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1", true)]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    [InlineData("::ffff:192.0.2.1", "::ffff:192.0.2.2", false)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:3::1", false)]
    [InlineData("fe80::1%2", "fe80::1%3", true)]
    public void Address_IsThatOfOneSubscriber(string first, string second, bool isOne)
    {
        var limits = new AddressLimits(1, _time);

        Assert.Null(limits.RateOf(IPAddress.Parse(first))?.TryTake());

        Assert.Equal(isOne ? TimeSpan.FromSeconds(1) : null, limits.RateOf(IPAddress.Parse(second))?.TryTake());
    }

    [Fact]
    public void Zero_IsNoLimit_AndRemembersNobody()
    {
        var limits = new AddressLimits(0, _time);

        for (var i = 0; i < 1_000; i++)
            Assert.Null(limits.RateOf(IPAddress.Loopback)?.TryTake());
        Assert.Equal(0, limits.Count);
    }

    [Fact]
    public void Table_IsBounded_AndKeepsThoseThatComeAgain()
    {
        var limits = new AddressLimits(1, _time);
        var busy = IPAddress.Parse("192.0.2.1");
        Assert.Null(limits.RateOf(busy)?.TryTake());

        for (var i = 0; i < 5 * GenerationMax; i++)
        {
            Assert.Null(limits.RateOf(new IPAddress([10, (byte)(i >> 16), (byte)(i >> 8), (byte)i]))?.TryTake());
            if (i % 5_000 == 0)
                Assert.NotNull(limits.RateOf(busy)?.TryTake());
        }

        Assert.InRange(limits.Count, GenerationMax, 2 * GenerationMax);
    }

    [Fact]
    public async Task WithoutKeys_EveryRequestCounts_ButProbes_AndRefills()
    {
        await using var service = await StartAsync();
        var id = await AcceptedAsync(service);
        using (var found = await service.Http.GetAsync($"{Api.Submit}/{id}"))
            Assert.Equal(200, (int)found.StatusCode);

        foreach (var path in new[] { "/health", "/metrics", "/openapi/v1.json", "/nothing", $"{Api.Submit}/{id}" })
        {
            using var refused = await service.Http.GetAsync(path);
            Assert.Equal(Message, await Api.RefusedAsync(refused, 429, "rate_limited"));
            Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter!.Delta);
        }

        using (var refused = await service.Http.PostAsync(Api.Submit, Api.Json(Api.Body())))
            Assert.Equal(Message, await Api.RefusedAsync(refused, 429, "rate_limited"));
        foreach (var probe in new[] { "/health/live", "/health/ready" })
            Assert.Equal(200, (int)(await service.Http.GetAsync(probe)).StatusCode);
        Assert.Equal(200, (int)(await service.Management.GetAsync("/openapi/admin.json")).StatusCode);
        _time.Advance(TimeSpan.FromMilliseconds(500));
        using (var again = await service.Http.GetAsync("/health"))
            Assert.Equal(200, (int)again.StatusCode);
    }

    [Fact]
    public async Task RateLimit_IsToldWithEachAnswer()
    {
        await using var service = await StartAsync();

        foreach (var path in new[] { "/health", "/metrics", "/openapi/v1.json", "/nothing", $"{Api.Submit}/req-x" })
        {
            Assert.Equal("\"address\";r=1;t=1", await LeftAsync(path));
            Assert.Equal("\"address\";r=0;t=1", await LeftAsync(path));
            Assert.Equal("\"address\";r=0;t=1", await LeftAsync(path, isRefused: true));
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        async Task<string> LeftAsync(string path, bool isRefused = false)
        {
            using var answer = await service.Http.GetAsync(path);
            Assert.Equal(isRefused, answer.StatusCode == HttpStatusCode.TooManyRequests);
            Assert.Equal("\"address\";q=2;w=1", Assert.Single(answer.Headers.GetValues("RateLimit-Policy")));
            return Assert.Single(answer.Headers.GetValues("RateLimit"));
        }
    }

    [Fact]
    public async Task WithKeys_UnknownOnesCount_AndKnownOnesDoNot()
    {
        var known = ("X-Api-Key", "alice");
        await using var service = await StartAsync(
            new ApiKeySettings("alice", Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes("alice"))), [], 0)
        );
        using (var first = await service.Http.SendAsync(Api.Post(Api.Body(), ("X-Api-Key", "guess-1"))))
        using (var second = await service.Http.GetAsync($"{Api.Submit}/req-x"))
            Assert.Equal((401, 401), ((int)first.StatusCode, (int)second.StatusCode));

        using (var third = await service.Http.SendAsync(Api.Post(Api.Body(), ("X-Api-Key", "guess-2"))))
            Assert.Equal(Message, await Api.RefusedAsync(third, 429, "rate_limited"));
        using (var fourth = await service.Http.GetAsync($"{Api.Submit}/req-x"))
            Assert.Equal(Message, await Api.RefusedAsync(fourth, 429, "rate_limited"));
        for (var i = 0; i < 10; i++)
            await Api.AcceptedAsync(await service.Http.SendAsync(Api.Post(Api.Body(), known)));
    }

    private static async Task<string> AcceptedAsync(RunningService service) =>
        await Api.AcceptedAsync(await service.Http.PostAsync(Api.Submit, Api.Json(Api.Body())));

    private Task<RunningService> StartAsync(params ApiKeySettings[] keys) =>
        RunningService.StartAsync(
            settings =>
                settings.WithServer(server =>
                    server with
                    {
                        ShutdownGrace = TimeSpan.Zero,
                        ApiKeys = keys,
                        AnonymousRequestsPerSecond = 2,
                    }
                ),
            services => services.AddTime(_time)
        );
}
