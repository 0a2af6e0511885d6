using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Host.Http;
using AkkaCharging.Host.Tests.Admin;
using AkkaCharging.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Http;

/// <summary>Guesses at API keys and operators' tokens.</summary>
[Trait("Category", "Component")]
public sealed class WrongKeysTests
{
    private const string Message = "Too many wrong keys came from this address.";
    private static readonly IPAddress A = IPAddress.Parse("192.0.2.1");
    private static readonly IPAddress B = IPAddress.Parse("192.0.2.2");
    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2030-01-01T00:00:00Z"));

    [Fact]
    public void Budget_IsOneOfEachAddress_AndRefills()
    {
        var keys = Keys(perSecond: 0.5);

        for (var i = 0; i < WrongKeys.BurstMin; i++)
        {
            Assert.Null(keys.WaitOf(A));
            keys.Add(A);
        }

        Assert.Equal(TimeSpan.FromSeconds(2), keys.WaitOf(A));
        Assert.Null(keys.WaitOf(B));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.FromSeconds(1), keys.WaitOf(A));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(keys.WaitOf(A));
        keys.Add(A);
        Assert.Equal(TimeSpan.FromSeconds(2), keys.WaitOf(A));
        Assert.Equal((11, 3), (keys.Wrong, keys.Delayed));
    }

    [Fact]
    public void Budget_IsNeverAboveTheBurst_HoweverLongItRests()
    {
        var keys = Keys(perSecond: 1);
        keys.Add(A);
        _time.Advance(TimeSpan.FromDays(365));

        var looked = 0;
        for (; looked < 1_000 && keys.WaitOf(A) is null; looked++)
            keys.Add(A);

        Assert.Equal(WrongKeys.BurstMin, looked);
    }

    [Fact]
    public void Zero_IsNoLimit_AndCounts()
    {
        var keys = Keys(perSecond: 0);

        for (var i = 0; i < 1_000; i++)
        {
            Assert.Null(keys.WaitOf(A));
            keys.Add(A);
        }

        Assert.Equal(1_000, keys.Wrong);
    }

    [Fact]
    public async Task WrongApiKeys_HoldUpTheirAddressAlone()
    {
        await using var service = await StartAsync();
        using var other = From(IPAddress.Parse("127.0.0.2"), service.Http.BaseAddress!);
        for (var i = 0; i < WrongKeys.BurstMin; i++)
        {
            using var wrong =
                i % 2 == 0 ? await SubmitAsync(service.Http, $"guess-{i}") : await FollowAsync(service.Http, "guess");
            Assert.Equal(401, (int)wrong.StatusCode);
        }

        foreach (var key in new[] { "guess", "alice" })
        {
            using var submission = await SubmitAsync(service.Http, key);
            Assert.Equal(Message, await Api.RefusedAsync(submission, 429, "rate_limited"));
            Assert.Equal(TimeSpan.FromSeconds(1), submission.Headers.RetryAfter!.Delta);
            using var lookUp = await FollowAsync(service.Http, key);
            Assert.Equal(Message, await Api.RefusedAsync(lookUp, 429, "rate_limited"));
        }

        await Api.AcceptedAsync(await SubmitAsync(other, "alice"));
        using (var missing = await service.Http.PostAsync(Api.Submit, Api.Json(Api.Body())))
            Assert.Equal(401, (int)missing.StatusCode);
        Assert.Equal((10, 4), await FailuresAsync(service, "public"));
        _time.Advance(TimeSpan.FromSeconds(1));
        await Api.AcceptedAsync(await SubmitAsync(service.Http, "alice"));
    }

    [Fact]
    public async Task RightApiKeys_UseUpNothing()
    {
        await using var service = await StartAsync();

        for (var i = 0; i < 3 * WrongKeys.BurstMin; i++)
            await Api.AcceptedAsync(await SubmitAsync(service.Http, "alice"));

        Assert.Equal((0, 0), await FailuresAsync(service, "public"));
    }

    [Fact]
    public async Task WrongTokens_HoldUpTheirAddressAlone_AndThePageIsServed()
    {
        await using var service = await StartAsync();
        using var other = From(IPAddress.Parse("127.0.0.2"), service.Management.BaseAddress!);
        for (var i = 0; i < WrongKeys.BurstMin; i++)
        {
            using var missing = await service.OperateAsync("GET", "/admin/config");
            using var wrong = await service.OperateAsync("GET", "/admin/config", token: $"Bearer guess-{i}");
            Assert.Equal((401, 401), ((int)missing.StatusCode, (int)wrong.StatusCode));
        }

        foreach (var token in new[] { "Bearer guess", "Bearer the-operators-token" })
        {
            using var delayed = await service.OperateAsync("GET", "/admin/config", token: token);
            Assert.Equal(Message, await Api.RefusedAsync(delayed, 429, "rate_limited"));
            Assert.Equal(TimeSpan.FromSeconds(1), delayed.Headers.RetryAfter!.Delta);
            using var page = await service.OperateAsync("GET", "/console", token: token);
            Assert.Equal(200, (int)page.StatusCode);
        }

        other.DefaultRequestHeaders.Add("Authorization", "Bearer the-operators-token");
        Assert.Equal(200, (int)(await other.GetAsync("/admin/config")).StatusCode);
        Assert.Equal((10, 2), await FailuresAsync(service, "management"));
        _time.Advance(TimeSpan.FromSeconds(1));
        await service.OperateAsync("GET", "/admin/config", token: "Bearer the-operators-token").ReadAsync();
    }

    private static HttpClient From(IPAddress address, Uri service) =>
        new(
            new SocketsHttpHandler
            {
                ConnectCallback = async (context, cancellation) =>
                {
                    var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                    socket.Bind(new IPEndPoint(address, 0));
                    await socket.ConnectAsync(context.DnsEndPoint, cancellation);
                    return new NetworkStream(socket, ownsSocket: true);
                },
            }
        )
        {
            BaseAddress = service,
        };

    private static Task<HttpResponseMessage> SubmitAsync(HttpClient http, string key) =>
        http.SendAsync(Api.Post(Api.Body(), ("X-Api-Key", key)));

    private static Task<HttpResponseMessage> FollowAsync(HttpClient http, string key) =>
        http.SendAsync(new(HttpMethod.Get, $"{Api.Submit}/req-x") { Headers = { { "X-Api-Key", key } } });

    /// <summary>Wrong and delayed keys, as Prometheus sees them.</summary>
    private async Task<(int Wrong, int Delayed)> FailuresAsync(RunningService service, string listener)
    {
        _time.Advance(TimeSpan.FromTicks(1));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics")
        {
            Headers = { { "Accept", "text/plain" } },
        };
        using var answer = await service.Http.SendAsync(request);
        var lines = (await answer.Content.ReadAsStringAsync()).Split('\n');
        return (Of("wrong"), Of("delayed"));

        int Of(string outcome) =>
            int.Parse(
                lines
                    .Single(line =>
                        line.StartsWith(
                            $"akkacharging_key_failures_total{{listener=\"{listener}\",outcome=\"{outcome}\"}} ",
                            StringComparison.Ordinal
                        )
                    )
                    .Split(' ')[1],
                System.Globalization.CultureInfo.InvariantCulture
            );
    }

    private static string Hash(string key) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    private WrongKeys Keys(double perSecond) => new("public", perSecond, _time, NullLogger<WrongKeys>.Instance);

    private Task<RunningService> StartAsync() =>
        RunningService.StartAsync(
            settings =>
                settings
                    .WithServer(server =>
                        server with
                        {
                            ShutdownGrace = TimeSpan.Zero,
                            ApiKeys = [new("alice", Hash("alice"), [], 0)],
                        }
                    )
                    .WithManagement(management => management with { Token = "the-operators-token" }),
            services => services.AddTime(_time)
        );
}
