using AkkaCharging.Host.Metrics;
using AkkaCharging.Settings;
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
internal sealed class OtlpExporter(OtlpMetrics metrics, SettingsSources sources) : IHostedLifecycleService, IDisposable
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
            .ConfigureServices(AddVariables)
            .ConfigureResource(Describe)
            .AddSource(TracingObserver.SourceName, HttpSpans.SourceName)
            .AddOtlpExporter()
            .Build();
        _metrics = Sdk.CreateMeterProviderBuilder()
            .ConfigureServices(AddVariables)
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

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // Services stop in the reverse order of their registration: after the drain and the listener, so that the last answers and attempts are among what is
    // sent, and before the actor system, which has the metrics.
    public Task StopAsync(CancellationToken cancellationToken) => Task.WhenAll(
        Task.Run(() => _traces?.Shutdown((int)FlushMax.TotalMilliseconds), CancellationToken.None),
        Task.Run(() => _metrics?.Shutdown((int)FlushMax.TotalMilliseconds), CancellationToken.None));

    public void Dispose()
    {
        _traces?.Dispose();
        _metrics?.Dispose();
    }

    /// <summary>Where the SDK looks for <c>OTEL_*</c>.</summary>
    private void AddVariables(IServiceCollection services) =>
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(sources.Environment!).Build());

    // The variables come last: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
    private static void Describe(ResourceBuilder resource) => resource
        .Clear()
        .AddService("akkacharging", serviceVersion: CommandLine.Version)
        .AddTelemetrySdk()
        .AddEnvironmentVariableDetector();
}
