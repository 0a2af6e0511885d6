using Akka.TestKit;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Http;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Tests.Authorization.Http;

/// <summary>The promise of the breaker, counted where it matters: at the back end.</summary>
[Trait("Category", "Component")]
public sealed class GuardedHttpAuthorizerTests()
    : Akka.TestKit.Xunit2.TestKit("akka.scheduler.implementation = \"Akka.TestKit.TestScheduler, Akka.TestKit\"")
{
    [Fact]
    public async Task SilentBackEnd_IsATimeout()
    {
        await using var server = await AuthorizerServer.StartAsync();
        server.Handler = context => Task.Delay(Timeout.Infinite, context.RequestAborted);
        var time = new FakeTimeProvider();
        using var http = new HttpAuthorizer(new HttpAuthorizerSettings(server.Url, "", TimeSpan.FromSeconds(5)), time);
        var guarded = new GuardedAuthorizer(
            http,
            Queries.Settings(maxRetries: 1, timeout: TimeSpan.FromMinutes(1)),
            Sys.Scheduler,
            time
        );

        var decision = guarded.DecideAsync(Queries.Some(), long.MaxValue, long.MaxValue, CancellationToken.None);
        await Eventually.HoldsAsync(() => server.Calls == 1, "the first attempt has arrived");
        time.Advance(TimeSpan.FromSeconds(5));
        var advances = 0;
        await Eventually.HoldsAsync(
            () =>
            {
                if (advances++ < 30) // longer than until the retry, and shorter than it may take
                    time.Advance(TimeSpan.FromMilliseconds(100));
                return server.Calls == 2;
            },
            "the retry has arrived"
        );
        time.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal(DecisionReason.Timeout, (await decision)?.Reason);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task FailingBackEnd_SeesFiveRoundsThenNothingThenOneProbe(int maxRetries)
    {
        await using var server = (await AuthorizerServer.StartAsync()).Answers(503);
        using var http = new HttpAuthorizer(
            new HttpAuthorizerSettings(server.Url, "", TimeSpan.FromSeconds(30)),
            TimeProvider.System
        );
        var settings = Queries.Settings(maxRetries, timeout: TimeSpan.FromDays(1));
        var time = new FakeTimeProvider();
        var guarded = new GuardedAuthorizer(http, settings, Sys.Scheduler, time);

        for (var i = 0; i < 5; i++)
            Assert.Equal(DecisionReason.AuthorizerError, (await DecideAsync()).Reason);
        Assert.Equal(5 * (1 + maxRetries), server.Calls);

        Assert.Equal(DecisionReason.CircuitOpen, (await DecideAsync()).Reason);
        Assert.Equal(5 * (1 + maxRetries), server.Calls);

        await ResetAsync();
        Assert.Equal(DecisionReason.AuthorizerError, (await DecideAsync()).Reason);
        Assert.Equal(DecisionReason.CircuitOpen, (await DecideAsync()).Reason);
        Assert.Equal((5 * (1 + maxRetries)) + 1, server.Calls);

        await ResetAsync();
        server.Answers(200, """{"status":"allowed"}""");
        Assert.Equal(AuthorizationStatus.Allowed, (await DecideAsync()).Status);
        Assert.Equal(BreakerState.Closed, guarded.State);

        async Task<Decision> DecideAsync()
        {
            var decision = guarded.DecideAsync(Queries.Some(), long.MaxValue, long.MaxValue, CancellationToken.None);
            await Eventually.HoldsAsync(
                () =>
                {
                    time.Advance(TimeSpan.FromMilliseconds(100));
                    return decision.IsCompleted;
                },
                "a decision"
            );
            return (await decision)!;
        }

        Task ResetAsync()
        {
            ((TestScheduler)Sys.Scheduler).Advance(settings.CircuitBreaker.ResetTimeout);
            return Eventually.HoldsAsync(
                () => guarded.State == BreakerState.HalfOpen,
                "the breaker lets a probe through"
            );
        }
    }
}
