using AkkaCharging.Host.Metrics;
using AkkaCharging.Tracing;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace AkkaCharging.Host.Telemetry;

/// <summary>Sends spans and metrics in batches from threads of its own, as the standard <c>OTEL_*</c> variables say.</summary>
/// <remarks>
/// A collector that is away or hangs costs the spans that do not fit the queue (2,048, <c>OTEL_BSP_MAX_QUEUE_SIZE</c>), and nothing else: whoever ends a span never waits.
/// What is left when the service stops has <see cref="FlushMax"/>.
/// </remarks>
internal sealed class OtlpExporter(OtlpMetrics metrics) : IHostedLifecycleService, IDisposable
{
    /// <summary>Meter of .NET itself, whose labels are fixed; those of its HTTP client have one for each host, and callers choose the hosts.</summary>
    private const string RuntimeMeter = "System.Runtime";

    private static readonly TimeSpan FlushMax = TimeSpan.FromSeconds(3);

    private TracerProvider? _traces;
    private MeterProvider? _metrics;

    // Before the listener is opened and the journal's requests are taken up: nothing passes by untold.
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        _traces = Sdk.CreateTracerProviderBuilder()
            .ConfigureResource(Describe)
            .AddSource(TracingObserver.SourceName, HttpSpans.SourceName)
            .AddOtlpExporter()
            .Build();
        _metrics = Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(Describe)
            .AddMeter(OtlpMetrics.MeterName, RuntimeMeter)
            .AddOtlpExporter()
            .Build();
        metrics.Open();
        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // After everything: the last answers and the last attempts are among what is sent.
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.WhenAll(
        Task.Run(() => _traces?.Shutdown((int)FlushMax.TotalMilliseconds), CancellationToken.None),
        Task.Run(() => _metrics?.Shutdown((int)FlushMax.TotalMilliseconds), CancellationToken.None));

    public void Dispose()
    {
        _traces?.Dispose();
        _metrics?.Dispose();
    }

    // The variables come last: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
    private static void Describe(ResourceBuilder resource) => resource
        .Clear()
        .AddService("akkacharging", serviceVersion: CommandLine.Version)
        .AddTelemetrySdk()
        .AddEnvironmentVariableDetector();
}
