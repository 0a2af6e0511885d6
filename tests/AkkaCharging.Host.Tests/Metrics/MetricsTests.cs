using System.Net;
using System.Text.Json;
using AkkaCharging.DeadLetters;
using AkkaCharging.Host.Tests.Admin;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Metrics;

[Trait("Category", "Component")]
public sealed class MetricsTests
{
    [Fact]
    public async Task AnotherAuthorizer_HasNoAccessListToTellOf()
    {
        await using var service = await RunningService.StartAsync(customize: services =>
            services.AddAuthorizer(new ScriptedAuthorizer())
        );

        Assert.Empty((await service.GetAsync("/metrics")).GetProperty("acl").EnumerateObject());
    }

    [Fact]
    public async Task Figures_AgreeWithWhatWasDone()
    {
        await using var receiver = await CallbackReceiver.StartAsync();
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithServer(server => server with { ShutdownGrace = TimeSpan.Zero }) with
            {
                Callback = settings.Callback with { Timeout = TimeSpan.FromMinutes(5) },
            }
        );
        await service.AcceptAsync(receiver.Url);
        await service.AcceptAsync(receiver.Url, RunningService.BlockedToken);
        await service.AcceptAsync(receiver.Url, RunningService.UnknownToken);
        await SettledAsync("delivered=3 failed=0 expired=0");
        receiver.RespondWith(HttpStatusCode.NotFound);
        await service.AcceptAsync(receiver.Url);
        await SettledAsync("delivered=3 failed=1 expired=0");
        receiver.Hang();
        await service.AcceptAsync(receiver.Url);
        using (await service.SubmitAsync("nonsense"))
        using (await service.Http.PostAsync(Api.Submit, new StringContent("text")))
            await Eventually.HoldsAsync(
                async () => (await service.GetAsync("/metrics")).GetProperty("requests_total").GetInt64() == 7,
                "seven submissions"
            );

        var metrics = default(JsonElement);
        await Eventually.HoldsAsync(
            async () =>
            {
                metrics = await service.GetAsync("/metrics");
                return Decisions(metrics) == 5 && metrics.GetProperty("queue_size_current").GetInt32() == 1;
            },
            "five decisions, and one request is pending"
        );

        Assert.Equal(
            [
                "requests_total",
                "requests",
                "authorization_decisions",
                "authorization_reasons",
                "callback_results",
                "deliveries_total",
                "authorization_time_avg_ms",
                "authorization_time_p95_ms",
                "queue_size_current",
                "queue_size_max",
                "circuit_breaker_state",
                "circuit_breaker_transitions",
                "receivers",
                "stream_restarts_total",
                "dead_letters_current",
                "acl",
                "cluster",
            ],
            Api.Names(metrics)
        );
        Assert.Equal("", Counts(metrics, "cluster"));
        Assert.Equal("rules=2 reloads_total=0 reload_failures_total=0", Counts(metrics, "acl"));
        Assert.Equal("accepted=5 unsupported_media_type=1 validation_error=1", Counts(metrics, "requests"));
        Assert.Equal("allowed=3 not_allowed=2 unknown=0", Counts(metrics, "authorization_decisions"));
        Assert.Equal(
            "in_acl=3 not_in_acl=1 blocked=1 expired=0 station_not_allowed=0 timeout=0 circuit_open=0 "
                + "authorizer_error=0 authorized=0 deadline=0 no_credit=0 concurrent_session=0 no_route=0 "
                + "no_location=0",
            Counts(metrics, "authorization_reasons")
        );
        Assert.Equal("success=3 http_error=1 network_error=0 timeout=0 blocked=0", Counts(metrics, "callback_results"));
        Assert.Equal("delivered=3 failed=1 expired=0", Counts(metrics, "deliveries_total"));
        Assert.Equal(
            (1, 10_000),
            (metrics.GetProperty("queue_size_current").GetInt32(), metrics.GetProperty("queue_size_max").GetInt32())
        );
        Assert.Equal("closed=0 half_open=0 open=0", Counts(metrics, "circuit_breaker_transitions"));
        Assert.Equal(
            ("closed", 0),
            (
                metrics.GetProperty("circuit_breaker_state").GetString(),
                metrics.GetProperty("stream_restarts_total").GetInt32()
            )
        );
        Assert.InRange(metrics.GetProperty("authorization_time_avg_ms").GetDouble(), 0.001, 20_000);
        Assert.True(metrics.GetProperty("authorization_time_p95_ms").GetDouble() > 0);

        Task SettledAsync(string counts) =>
            Eventually.HoldsAsync(
                async () => Counts(await service.GetAsync("/metrics"), "deliveries_total") == counts,
                counts
            );
    }

    [Fact]
    public async Task DeadLetters_AreCounted_AndCountedAgainLater()
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2030-01-01T00:00:00Z"));
        await using var receiver = await CallbackReceiver.StartAsync();
        await using var service = await RunningService.StartAsync(customize: services => services.AddTime(time));
        Assert.Equal(0, (await service.GetAsync("/metrics")).GetProperty("dead_letters_current").GetInt64());
        var id = await service.FailAsync(receiver);
        await service.FailAsync(receiver);

        time.Advance(DeadLetterCount.Rest);
        Assert.Equal(2, (await service.GetAsync("/metrics")).GetProperty("dead_letters_current").GetInt64());
        using var discarded = await service.ChangeAsync($"{Operators.Letters}/{id}/discard");
        time.Advance(DeadLetterCount.Rest);

        Assert.Equal(1, (await service.GetAsync("/metrics")).GetProperty("dead_letters_current").GetInt64());
        Assert.Equal(
            1,
            (await service.Management.GetAsync("/admin/overview").ReadAsync()).GetProperty("deadLetters").GetInt64()
        );
    }

    private static long Decisions(JsonElement metrics) =>
        metrics.GetProperty("authorization_decisions").EnumerateObject().Sum(count => count.Value.GetInt64());

    private static string Counts(JsonElement metrics, string name) =>
        string.Join(
            ' ',
            metrics.GetProperty(name).EnumerateObject().Select(count => $"{count.Name}={count.Value.GetInt64()}")
        );
}
