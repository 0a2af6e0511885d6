using System.Text.Json;
using Akka.Actor;
using AkkaCharging.Metrics;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Admin;

[Trait("Category", "Component")]
public sealed class HistoryEndpointTests
{
    [Fact]
    public async Task Hour_IsTold_MinuteByMinute()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
        await using var receiver = await CallbackReceiver.StartAsync();
        await using var service = await RunningService.StartAsync(customize: services => services.AddTime(time));
        await service.FailAsync(receiver);
        await Eventually.HoldsAsync(
            async () => (await PointsAsync(service))[^1].GetProperty("failed").GetInt64() == 1,
            "the settlement is counted"
        );

        time.Advance(LastHour.Interval);
        Assert.Equal(2, (await PointsAsync(service)).Count);
        time.Advance(LastHour.Interval);

        var points = await PointsAsync(service);
        Assert.Equal(3, points.Count);
        var end = time.GetUtcNow().ToUnixTimeMilliseconds();
        Assert.Equal(
            $$$"""
            {"at":{{{end - 60_000}}},"durationMs":60000,"accepted":1,"rejected":0,"delivered":0,"failed":1,"expired":0,
            "pending":0,"accept":{"p50Ms":0.001,"p99Ms":0.001},"endToEnd":{"p50Ms":0.001,"p99Ms":0.001}}
            """.ReplaceLineEndings(""),
            points[0].GetRawText()
        );
        Assert.Equal(
            $$"""
            {"at":{{end}},"durationMs":60000,"accepted":0,"rejected":0,"delivered":0,"failed":0,"expired":0,
            "pending":0,"accept":null,"endToEnd":null}
            """.ReplaceLineEndings(""),
            points[1].GetRawText()
        );
        Assert.Equal(0, points[2].GetProperty("durationMs").GetInt64());
    }

    [Fact]
    public async Task MetricsActorThatDoesNotAnswer_Returns503()
    {
        await using var service = await RunningService.StartAsync(customize: services =>
            services.AddSingleton<IMetricsSink, SilentMetrics>()
        );

        using var answer = await service.Management.GetAsync("/admin/history");

        Assert.Equal("The metrics actor does not answer.", await Api.RefusedAsync(answer, 503, "metrics_unavailable"));
    }

    private static async Task<IReadOnlyList<JsonElement>> PointsAsync(RunningService service) =>
        [.. (await service.Management.GetAsync("/admin/history").ReadAsync()).GetProperty("points").EnumerateArray()];

    private sealed class SilentMetrics : IMetricsSink
    {
        public void Tell(MetricsEvent happened) { }

        public Task<MetricsSnapshot> GetAsync(CancellationToken cancellationToken) =>
            throw new AskTimeoutException("silent");

        public Task<IReadOnlyList<HistoryPoint>> GetHistoryAsync(long pending, CancellationToken cancellationToken) =>
            throw new AskTimeoutException("silent");
    }
}
