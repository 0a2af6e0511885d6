using AkkaCharging.Host.Telemetry;
using AkkaCharging.Settings;
using OpenTelemetry.Exporter;

namespace AkkaCharging.Host.Tests.Telemetry;

[Trait("Category", "Unit")]
public sealed class OtlpSettingsTests
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string Collector = "http://collector:4317";

    [Theory]
    [InlineData(null, null, false)]
    [InlineData("", null, false)]
    [InlineData("http://localhost:4317", null, true)]
    [InlineData("https://collector.example", "false", true)]
    [InlineData("http://localhost:4317", "TRUE", false)]
    [InlineData("nonsense", "true", false)]
    public void EndpointSwitchesItOn_UnlessTheSdkIsDisabled(string? endpoint, string? disabled, bool isOn) =>
        Assert.Equal(isOn, Read((Endpoint, endpoint), ("OTEL_SDK_DISABLED", disabled)).IsOn);

    [Fact]
    public void Defaults_AreThoseOfTheSpecification()
    {
        var settings = Read((Endpoint, Collector));

        Assert.Equal(new Uri(Collector), settings.Traces!.Endpoint);
        Assert.Equal(settings.Traces, settings.Metrics);
        Assert.Equal((OtlpExportProtocol.Grpc, null), (settings.Traces.Protocol, settings.Traces.Headers));
        Assert.Equal(
            (TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(30)),
            (settings.Traces.Timeout, settings.MetricInterval, settings.MetricExportMax)
        );
    }

    [Theory]
    [InlineData("http://collector:4318", "http://collector:4318/v1/traces")]
    [InlineData("http://collector:4318/", "http://collector:4318/v1/traces")]
    [InlineData("http://collector/otlp", "http://collector/otlp/v1/traces")]
    public void CommonEndpointOverHttp_HasTheSignalsPathAppended(string endpoint, string traces) =>
        Assert.Equal(
            new Uri(traces),
            Read((Endpoint, endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")).Traces!.Endpoint
        );

    [Fact]
    public void VariablesOfASignal_GoBeforeThoseOfAll()
    {
        var settings = Read(
            (Endpoint, Collector),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=1"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces/own"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "b=2%203, c=4"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "7")
        );

        Assert.Equal(
            new OtlpSignal(
                new Uri("http://traces/own"),
                OtlpExportProtocol.HttpProtobuf,
                "b=2%203, c=4",
                TimeSpan.FromMilliseconds(7),
                Authorities: null,
                Certificate: null,
                Key: null
            ),
            settings.Traces
        );
        Assert.Equal((new Uri(Collector), "a=1"), (settings.Metrics!.Endpoint, settings.Metrics.Headers));
    }

    [Theory]
    [InlineData("OTEL_TRACES_EXPORTER", false, true)]
    [InlineData("OTEL_METRICS_EXPORTER", true, false)]
    public void ExporterNone_SwitchesItsSignalOff(string name, bool hasTraces, bool hasMetrics)
    {
        var settings = Read((Endpoint, Collector), (name, "none"));

        Assert.Equal((hasTraces, hasMetrics), (settings.Traces is not null, settings.Metrics is not null));
    }

    [Theory]
    [InlineData(Endpoint, "localhost:4317", "the http or https URL of an OpenTelemetry collector")]
    [InlineData(Endpoint, "grpc://localhost:4317", "the http or https URL of an OpenTelemetry collector")]
    [InlineData(Endpoint, " ", "the http or https URL of an OpenTelemetry collector")]
    [InlineData("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "canary", "the http or https URL of an OpenTelemetry collector")]
    [InlineData("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "grpc or http/protobuf")]
    [InlineData("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "GRPC", "grpc or http/protobuf")]
    [InlineData("OTEL_EXPORTER_OTLP_HEADERS", "oops", "comma-separated name=value pairs with percent-encoded values")]
    [InlineData(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "a=1,=canary",
        "comma-separated name=value pairs with percent-encoded values"
    )]
    [InlineData(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "a=canary%0d%0ab",
        "comma-separated name=value pairs with percent-encoded values"
    )]
    [InlineData(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "a canary=1",
        "comma-separated name=value pairs with percent-encoded values"
    )]
    [InlineData("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "a whole number of at least 1")]
    [InlineData("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "a whole number of at least 1")]
    [InlineData("OTEL_METRIC_EXPORT_INTERVAL", "0", "a whole number of at least 1")]
    [InlineData("OTEL_METRIC_EXPORT_INTERVAL", "99999999999", "a whole number of at least 1")]
    [InlineData("OTEL_METRIC_EXPORT_TIMEOUT", "-1", "a whole number of at least 1")]
    [InlineData("OTEL_BSP_SCHEDULE_DELAY", "0", "a whole number of at least 1")]
    [InlineData("OTEL_BSP_EXPORT_TIMEOUT", "x", "a whole number of at least 1")]
    [InlineData("OTEL_BSP_MAX_QUEUE_SIZE", "0", "a whole number of at least 1")]
    [InlineData("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2049", "at most OTEL_BSP_MAX_QUEUE_SIZE")]
    [InlineData("OTEL_TRACES_EXPORTER", "zipkin", "otlp or none")]
    [InlineData("OTEL_METRICS_EXPORTER", "prometheus", "otlp or none")]
    [InlineData(
        "OTEL_TRACES_SAMPLER",
        "sometimes",
        "one of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, "
            + "parentbased_traceidratio"
    )]
    [InlineData("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere.pem", "a PEM file of certificates")]
    [InlineData("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/nowhere.pem", "PEM files of a certificate and its key")]
    public void ValueThatCannotBeUsed_IsRefused_WithoutItsText(string name, string value, string expected)
    {
        (string, string?)[] variables = [(Endpoint, Collector), (name, value)];

        Assert.Equal(
            [$"environment variable {name}: expected {expected}."],
            Assert.Throws<InvalidSettingsException>(() => Read(variables)).Problems
        );
    }

    [Theory]
    [InlineData("traceidratio", "1.5")]
    [InlineData("parentbased_traceidratio", "half")]
    public void ShareThatIsNone_IsRefused(string sampler, string share) =>
        Assert.Equal(
            ["environment variable OTEL_TRACES_SAMPLER_ARG: expected a number from 0 to 1."],
            Assert
                .Throws<InvalidSettingsException>(() =>
                    Read((Endpoint, Collector), ("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", share))
                )
                .Problems
        );

    [Fact]
    public void ProcessThatExportsNothing_IsNotHeldUpByItsVariables() =>
        Assert.False(Read(("OTEL_EXPORTER_OTLP_TIMEOUT", "0"), ("OTEL_EXPORTER_OTLP_HEADERS", "oops")).IsOn);

    // The last one of a name counts.
    private static OtlpSettings Read(params (string Name, string? Value)[] variables) =>
        OtlpSettings.Read(
            variables
                .Where(variable => variable.Value is not null)
                .GroupBy(variable => variable.Name, StringComparer.Ordinal)
                .ToDictionary(group => group.Key, group => group.Last().Value!, StringComparer.Ordinal)
        );
}
