using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Http;
using AkkaCharging.Connections;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Authorization;
using AkkaCharging.Tests.Authorization.Http;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Connections;

/// <summary>The names of settings, by the authorizer that one of them leads to.</summary>
[Trait("Category", "Component")]
public sealed class ConfiguredHostsTests : IAsyncLifetime
{
    private static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(50);
    private readonly FakeTimeProvider _time = new(Queries.Now);
    private readonly ConcurrentQueue<(string Name, bool IsOfPool)> _asked = new();
    private AuthorizerServer _server = null!;

    public async Task InitializeAsync() =>
        _server = (await AuthorizerServer.StartAsync()).Answers(200, """{"status":"allowed"}""");

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task NameOfOneLabel_IsAskedFor_AsItIsWritten()
    {
        // nothing listens on the first
        using var authorizer = To("authorizer", [IPAddress.Parse("127.0.0.3"), IPAddress.Loopback]);

        Assert.Equal(AuthorizerAnswer.Allow(), await authorizer.AuthorizeAsync(Queries.Some(), default));

        Assert.Equal([("authorizer", false)], _asked);
    }

    [Fact]
    public async Task UnknownName_IsATransientFailure_AndIsAskedForAgain()
    {
        using var authorizer = To("authorizer.example.com", addresses: null);

        for (var call = 0; call < 2; call++)
            Assert.True(
                (
                    await Assert.ThrowsAsync<AuthorizerUnavailableException>(() =>
                        authorizer.AuthorizeAsync(Queries.Some(), default).AsTask()
                    )
                ).IsTransient
            );

        Assert.Equal([("authorizer.example.com", false), ("authorizer.example.com", false)], _asked);
    }

    [Fact]
    public async Task SilentName_HoldsOneThread_AndNoneOfThePool()
    {
        using var silence = new ManualResetEventSlim();
        using var authorizer = To("authorizer", [IPAddress.Loopback], silence);

        var calls = Enumerable
            .Range(0, 50)
            .Select(_ => authorizer.AuthorizeAsync(Queries.Some(), default).AsTask())
            .ToList();
        await Eventually.HoldsAsync(() => !_asked.IsEmpty, "the name is asked for");
        _time.Advance(AttemptTimeout);
        foreach (var call in calls)
            Assert.True((await Assert.ThrowsAsync<AuthorizerUnavailableException>(() => call)).IsTransient);

        Assert.Equal([("authorizer", false)], _asked);
        silence.Set();
        await Eventually.HoldsAsync(async () => await AnswersAsync(authorizer), "the name is known again");
    }

    private static async Task<bool> AnswersAsync(HttpAuthorizer authorizer)
    {
        try
        {
            return await authorizer.AuthorizeAsync(Queries.Some(), default) == AuthorizerAnswer.Allow();
        }
        catch (AuthorizerUnavailableException)
        {
            return false;
        }
    }

    private HttpAuthorizer To(string name, IPAddress[]? addresses, ManualResetEventSlim? silence = null)
    {
        var hosts = new ConfiguredHosts(asked =>
        {
            _asked.Enqueue((asked, Thread.CurrentThread.IsThreadPoolThread));
            silence?.Wait();
            return addresses ?? throw new SocketException((int)SocketError.HostNotFound);
        });
        var url = new UriBuilder(_server.Url) { Host = name }.Uri;
        return new HttpAuthorizer(new HttpAuthorizerSettings(url, "", AttemptTimeout), _time, hosts);
    }
}
