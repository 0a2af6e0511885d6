using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using AkkaCharging.Connections;
using AkkaCharging.Host.Metrics;
using AkkaCharging.Settings;
using AkkaCharging.Tracing;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace AkkaCharging.Host.Telemetry;

/// <summary>Exports spans and metrics in batches, as the standard <c>OTEL_*</c> variables configure.</summary>
/// <remarks>
/// When a collector is unavailable or hangs, only the spans that exceed the queue (2,048,
/// <c>OTEL_BSP_MAX_QUEUE_SIZE</c>) are lost: ending a span never waits. The last export, when the service stops, is
/// limited by <see cref="FlushMax"/>.
/// </remarks>
internal sealed partial class OtlpExporter(
    OtlpMetrics metrics,
    OtlpSettings settings,
    SettingsSources sources,
    TimeProvider time,
    ILogger<OtlpExporter> logger
) : IHostedLifecycleService, IDisposable
{
    /// <summary>
    /// The meter of .NET itself, whose labels are fixed; the meters of its HTTP client have a label for each host, and
    /// callers choose the hosts.
    /// </summary>
    private const string RuntimeMeter = "System.Runtime";

    private static readonly TimeSpan FlushMax = TimeSpan.FromSeconds(3);

    private readonly CancellationTokenSource _stopping = new();
    private TracerProvider? _traces;
    private MeterProvider? _metrics;
    private Task _exporting = Task.CompletedTask;

    // Runs before the listener is opened and requests are resumed from the journal, so that no span is missed.
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        if (settings.Traces is { } traces)
            _traces = Sdk.CreateTracerProviderBuilder()
                .ConfigureServices(AddVariables)
                .ConfigureResource(Describe)
                .AddSource(TracingObserver.SourceName, HttpSpans.SourceName)
                .AddOtlpExporter(exporter => Connect(exporter, traces))
                .Build();
        if (settings.Metrics is { } figures)
        {
            _metrics = Sdk.CreateMeterProviderBuilder()
                .ConfigureServices(AddVariables)
                .ConfigureResource(Describe)
                .AddMeter(OtlpMetrics.MeterName, RuntimeMeter)
                .AddOtlpExporter(
                    (exporter, reader) =>
                    {
                        Connect(exporter, figures);
                        // The SDK's own schedule would export figures that are not refreshed.
                        reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = int.MaxValue;
                    }
                )
                .Build();
            metrics.Open();
            _exporting = ExportMetricsAsync();
        }

        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    // Services stop in the reverse order of their registration: after the drain and the listener, so that the last
    // answers and attempts are exported, and before the actor system with its metrics.
    public Task StopAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(RunBlockingAsync(() => _traces?.Shutdown((int)FlushMax.TotalMilliseconds)), StopMetricsAsync());

    public void Dispose()
    {
        _stopping.Dispose();
        _traces?.Dispose();
        _metrics?.Dispose();
    }

    private async Task ExportMetricsAsync()
    {
        using var timer = new PeriodicTimer(settings.MetricInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token))
            {
                await metrics.RefreshAsync(_stopping.Token);
                await RunBlockingAsync(() => _metrics?.ForceFlush((int)settings.MetricExportMax.TotalMilliseconds));
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The service stops: StopAsync exports the rest.
        }
        catch (Exception e)
        {
            // Logged here, because nothing awaits this task before the stop.
            LogExportEnded(e);
        }
    }

    /// <summary>Exports the last figures and stops the export of metrics.</summary>
    private async Task StopMetricsAsync()
    {
        var startedAt = time.GetTimestamp();
        await _stopping.CancelAsync();
        await RefreshLastAsync().WaitAsync(FlushMax, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var left = FlushMax - time.GetElapsedTime(startedAt);
        await RunBlockingAsync(() => _metrics?.Shutdown((int)Math.Max(0, left.TotalMilliseconds)));
    }

    private async Task RefreshLastAsync()
    {
        await _exporting;
        await metrics.RefreshAsync(CancellationToken.None);
    }

    [LoggerMessage(1501, LogLevel.Error, "Exporting metrics over OTLP stopped after an unhandled exception")]
    private partial void LogExportEnded(Exception exception);

    /// <summary>
    /// Runs <paramref name="action"/>, which blocks until the collector answers, on a thread of its own.
    /// </summary>
    private static Task RunBlockingAsync(Action action) =>
        Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>
    /// Replaces the SDK's own client, which would download what the collector's certificate names, follow redirects,
    /// and resolve names on the thread pool.
    /// </summary>
    private static void Connect(OtlpExporterOptions options, OtlpSignal signal)
    {
        options.Endpoint = signal.Endpoint;
        options.Protocol = signal.Protocol;
        options.Headers = signal.Headers;
        options.TimeoutMilliseconds = (int)signal.Timeout.TotalMilliseconds;
        options.HttpClientFactory = () =>
        {
            var handler = new SocketsHttpHandler
            {
                ConnectCallback = new ConfiguredHosts().ConnectAsync,
                AllowAutoRedirect = false,
                SslOptions = Tls(signal),
            };
            return new HttpClient(handler) { Timeout = signal.Timeout };
        };
    }

    /// <summary>
    /// Creates the TLS options that the standard variables configure; the SDK applies them only to its own client.
    /// </summary>
    private static SslClientAuthenticationOptions Tls(OtlpSignal signal)
    {
        var options = PeerCertificates.Options();
        if (signal.Authorities is { } authorities)
        {
            options.CertificateChainPolicy!.TrustMode = X509ChainTrustMode.CustomRootTrust;
            options.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(authorities);
        }

        if (signal.Certificate is { } certificate)
            options.ClientCertificateContext = SslStreamCertificateContext.Create(
                X509Certificate2.CreateFromPemFile(certificate, signal.Key),
                additionalCertificates: null,
                offline: true
            );
        return options;
    }

    /// <summary>Provides the SDK with the <c>OTEL_*</c> variables.</summary>
    private void AddVariables(IServiceCollection services) =>
        services.AddSingleton<IConfiguration>(
            new ConfigurationBuilder().AddInMemoryCollection(sources.Environment!).Build()
        );

    // The variables come last: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
    private static void Describe(ResourceBuilder resource) =>
        resource
            .Clear()
            .AddService("akkacharging", serviceVersion: ProductVersion.Text)
            .AddTelemetrySdk()
            .AddEnvironmentVariableDetector();
}
