using System.Diagnostics.Metrics;
using Akka.Actor;
using AkkaCharging.Host.Metrics;
using AkkaCharging.Metrics;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Host.Tests.Metrics;

[Trait("Category", "Component")]
public sealed class OtlpMetricsTests : IDisposable
{
    private const string Accepted = "akkacharging_requests outcome=accepted";
    private const string Depth = "akkacharging_queue_depth_requests ";
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(20);

    private readonly Meter _meter = new("otlp-metrics-tests");
    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, double> _collected = new(StringComparer.Ordinal);

    public OtlpMetricsTests()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter == _meter)
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Keep(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>(Keep);
        _listener.Start();
    }

    public void Dispose()
    {
        _listener.Dispose();
        _meter.Dispose();
    }

    [Fact]
    public async Task Collection_DoesNotWaitForTheMetricsActor()
    {
        await using var service = await StartAsync();
        await service.AcceptAsync("http://127.0.0.1:1/");
        var sink = new ScriptedSink();
        var metrics = Open(service, sink);

        var refresh = metrics.RefreshAsync(CancellationToken.None);
        await CollectAsync();
        Assert.Empty(_collected);

        sink.Answer.SetResult(await CountsAsync(service));
        await refresh;
        await CollectAsync();
        Assert.Equal(1, _collected[Accepted]);
    }

    [Fact]
    public async Task ActorThatDoesNotAnswer_LeavesTheCounts_AndNothingElse_AsTheyWere()
    {
        await using var service = await StartAsync();
        await service.AcceptAsync("http://127.0.0.1:1/");
        var sink = new ScriptedSink();
        sink.Answer.SetResult(await CountsAsync(service));
        var metrics = Open(service, sink);
        await metrics.RefreshAsync(CancellationToken.None);

        await service.AcceptAsync("http://127.0.0.1:1/");
        sink.Answer = new TaskCompletionSource<MetricsSnapshot>();
        sink.Answer.SetException(new AskTimeoutException("too busy"));
        await metrics.RefreshAsync(CancellationToken.None);

        await CollectAsync();
        Assert.Equal((1, 2), (_collected[Accepted], _collected[Depth]));
    }

    /// <summary>A service that settles nothing, and does not wait for pending requests when it stops.</summary>
    private static Task<RunningService> StartAsync() =>
        RunningService.StartAsync(
            settings => settings.WithServer(server => server with { ShutdownGrace = TimeSpan.Zero }),
            services => services.AddAuthorizer(new ScriptedAuthorizer().HangsAlways())
        );

    private static async Task<MetricsSnapshot> CountsAsync(RunningService service)
    {
        var sink = service.App.Services.GetRequiredService<IMetricsSink>();
        MetricsSnapshot counts = await sink.GetAsync(CancellationToken.None);
        await Eventually.HoldsAsync(
            async () => (counts = await sink.GetAsync(CancellationToken.None)).Requests.Count > 0,
            "the submission is counted"
        );
        return counts;
    }

    private OtlpMetrics Open(RunningService service, ScriptedSink sink)
    {
        var services = service.App.Services;
        var metrics = new OtlpMetrics(
            _meter,
            sink,
            services.GetRequiredService<FiguresReader>(),
            services.GetRequiredService<ClusterSettings>()
        );
        metrics.Open();
        return metrics;
    }

    /// <summary>Collects as an exporter does: on a thread that would wait as long as an instrument does.</summary>
    private Task CollectAsync() => Task.Run(_listener.RecordObservableInstruments).WaitAsync(AtOnce);

    private void Keep(
        System.Diagnostics.Metrics.Instrument instrument,
        double value,
        ReadOnlySpan<KeyValuePair<string, object?>> tags,
        object? state = null
    )
    {
        var labels = tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}");
        _collected[$"{instrument.Name} {string.Join(',', labels)}"] = value;
    }

    /// <summary>A metrics actor that answers only when the test permits it.</summary>
    private sealed class ScriptedSink : IMetricsSink
    {
        public TaskCompletionSource<MetricsSnapshot> Answer { get; set; } = new();

        public void Tell(MetricsEvent happened) { }

        public Task<IReadOnlyList<HistoryPoint>> GetHistoryAsync(long pending, CancellationToken cancellationToken) =>
            throw new AskTimeoutException("silent");

        public Task<MetricsSnapshot> GetAsync(CancellationToken cancellationToken) => Answer.Task;
    }
}
