using System.Net;
using System.Security.Authentication;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Networks;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.AddressPolicy;

[Trait("Category", "Component")]
public sealed class CallbackHttpHandlerTests
{
    private static readonly TimeSpan Timeout = Eventually.Patience;

    [Fact]
    public void EveryWayAroundThePolicy_IsSwitchedOff()
    {
        using var handler = Handler(
            new ScriptedResolver([
                ["127.0.0.1"],
            ])
        );

        Assert.False(handler.AllowAutoRedirect);
        Assert.False(handler.UseProxy);
        Assert.False(handler.UseCookies);
        Assert.False(handler.PreAuthenticate);
        Assert.Null(handler.Credentials);
        Assert.Null(handler.ActivityHeadersPropagator);
        Assert.Equal(DecompressionMethods.None, handler.AutomaticDecompression);
        Assert.Equal(Timeout, handler.ConnectTimeout);
        Assert.InRange(handler.PooledConnectionLifetime, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(2));
        Assert.InRange(handler.MaxResponseHeadersLength, 1, 16);
    }

    [Fact]
    public void VersionsOfTls_AreNotLeftToTheSystem()
    {
        using var handler = Handler(new ScriptedResolver(["127.0.0.1"]));

        Assert.Equal(SslProtocols.Tls12 | SslProtocols.Tls13, handler.SslOptions.EnabledSslProtocols);
    }

    [Fact]
    public async Task Redirect_ReachesNobodyElse()
    {
        await using var second = new LoopbackReceiver(LoopbackReceiver.Ok);
        await using var first = new LoopbackReceiver(
            LoopbackReceiver.Redirect(307, $"http://127.0.0.1:{second.Endpoint.Port}/stolen")
        );
        using var client = new HttpMessageInvoker(Handler(new ScriptedResolver(["127.0.0.1"])));

        using var response = await PostAsync(client, $"http://hooks.example.com:{first.Endpoint.Port}/cb");

        Assert.Equal(HttpStatusCode.TemporaryRedirect, response.StatusCode);
        Assert.Equal(1, first.Connections);
        Assert.Equal(0, second.Connections);
    }

    [Fact]
    public async Task PooledConnection_IsUsedAgain_WithoutANewLookUp()
    {
        await using var receiver = new LoopbackReceiver(LoopbackReceiver.Ok);
        var resolver = new ScriptedResolver(["127.0.0.1"], ["10.0.0.1"]);
        using var client = new HttpMessageInvoker(Handler(resolver));

        for (var i = 0; i < 3; i++)
        {
            using var response = await PostAsync(client, $"http://hooks.example.com:{receiver.Endpoint.Port}/cb");
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        Assert.Equal(1, receiver.Connections);
        Assert.Single(resolver.Asked);
    }

    [Fact]
    public async Task ExpiredConnection_IsReplaced_AndTheNewOneIsVetted()
    {
        await using var receiver = new LoopbackReceiver(LoopbackReceiver.Ok);
        var handler = Handler(new ScriptedResolver(["127.0.0.1"], ["10.0.0.1"]));
        handler.PooledConnectionLifetime = TimeSpan.Zero;
        using var client = new HttpMessageInvoker(handler);
        var url = $"http://hooks.example.com:{receiver.Endpoint.Port}/cb";

        (await PostAsync(client, url)).Dispose();
        var failure = await Assert.ThrowsAsync<HttpRequestException>(() => PostAsync(client, url));

        Assert.IsType<AddressRefusedException>(failure.GetBaseException());
        Assert.Equal(1, receiver.Connections);
    }

    [Fact]
    public async Task Cookies_AndTraceIds_AreNotSent()
    {
        await using var receiver = new LoopbackReceiver(
            "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
        );
        using var client = new HttpMessageInvoker(Handler(new ScriptedResolver(["127.0.0.1"])));
        using var activity = new System.Diagnostics.Activity("delivery").Start();

        for (var i = 0; i < 2; i++)
            (await PostAsync(client, $"http://hooks.example.com:{receiver.Endpoint.Port}/cb")).Dispose();

        Assert.All(
            receiver.Requests,
            head =>
            {
                Assert.DoesNotContain("cookie", head, StringComparison.OrdinalIgnoreCase);
                Assert.DoesNotContain("traceparent", head, StringComparison.OrdinalIgnoreCase);
            }
        );
    }

    [Fact]
    public async Task EndlessResponseHeaders_FailTheRequest()
    {
        await using var receiver = new LoopbackReceiver(
            $"HTTP/1.1 200 OK\r\nX: {new string('x', 20_000)}\r\nContent-Length: 0\r\n\r\n"
        );
        using var client = new HttpMessageInvoker(Handler(new ScriptedResolver(["127.0.0.1"])));

        await Assert.ThrowsAsync<HttpRequestException>(() =>
            PostAsync(client, $"http://hooks.example.com:{receiver.Endpoint.Port}/cb")
        );
    }

    [Fact]
    public async Task HttpsOnly_HoldsAtConnect()
    {
        var dialer = new RecordingDialer();
        var policy = new CallbackAddressPolicy(Policies.DefaultSettings with { HttpsOnly = true });
        var connector = new VettedConnector(
            policy,
            new ScriptedResolver(["93.184.216.34"]),
            TimeProvider.System,
            Timeout,
            dialer.DialAsync
        );
        using var client = new HttpMessageInvoker(CallbackHttpHandler.Create(connector, Timeout));

        var failure = await Assert.ThrowsAsync<HttpRequestException>(() =>
            PostAsync(client, "http://hooks.example.com/")
        );

        Assert.Equal(
            RefusalReason.HttpsOnly,
            Assert.IsType<AddressRefusedException>(failure.GetBaseException()).Reason
        );
        Assert.Empty(dialer.Dialled);
    }

    [Fact]
    public async Task TrailingDot_ReachesNeitherTheHostHeaderNorTheResolver()
    {
        await using var receiver = new LoopbackReceiver(LoopbackReceiver.Ok);
        var resolver = new ScriptedResolver(["127.0.0.1"]);
        using var client = new HttpMessageInvoker(Handler(resolver));
        var allowed = Assert
            .IsType<UrlVerdict.Allowed>(
                Policies.AnyPort.CheckUrl($"http://Hooks.Example.com.:{receiver.Endpoint.Port}/cb")
            )
            .Url;

        using var request = new HttpRequestMessage(HttpMethod.Post, allowed.Uri);
        using var response = await client.SendAsync(request, CancellationToken.None);

        Assert.Equal("hooks.example.com", Assert.Single(resolver.Asked));
        Assert.Contains(
            $"Host: hooks.example.com:{receiver.Endpoint.Port}\n",
            Assert.Single(receiver.Requests),
            StringComparison.Ordinal
        );
    }

    private static SocketsHttpHandler Handler(IHostResolver resolver) =>
        CallbackHttpHandler.Create(
            new VettedConnector(Policies.Allowing("127.0.0.1/32"), resolver, TimeProvider.System, Timeout),
            Timeout
        );

    private static async Task<HttpResponseMessage> PostAsync(HttpMessageInvoker client, string url)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, url);
        return await client.SendAsync(request, CancellationToken.None);
    }
}
