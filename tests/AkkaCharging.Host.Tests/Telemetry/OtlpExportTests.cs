using AkkaCharging.Host.Telemetry;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Tests.Telemetry;

[Trait("Category", "Unit")]
public sealed class OtlpExportTests
{
    [Theory]
    [InlineData(null, null, false)]
    [InlineData("", null, false)]
    [InlineData("http://localhost:4317", null, true)]
    [InlineData("https://collector.example", "false", true)]
    [InlineData("http://localhost:4317", "TRUE", false)]
    [InlineData("nonsense", "true", false)]
    public void EndpointSwitchesItOn_UnlessTheSdkIsDisabled(string? endpoint, string? disabled, bool isOn) =>
        Assert.Equal(isOn, OtlpExport.IsOn(Environment(endpoint, disabled)));

    [Theory]
    [InlineData("localhost:4317")]
    [InlineData("grpc://localhost:4317")]
    [InlineData(" ")]
    public void EndpointThatIsNoUrl_IsRefused_WithoutItsText(string endpoint) => Assert.Equal(
        ["environment variable OTEL_EXPORTER_OTLP_ENDPOINT: expected the http or https URL of an OpenTelemetry collector."],
        Assert.Throws<InvalidSettingsException>(() => OtlpExport.IsOn(Environment(endpoint, disabled: null))).Problems);

    private static Func<string, string?> Environment(string? endpoint, string? disabled) => name => name switch
    {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => endpoint,
        "OTEL_SDK_DISABLED" => disabled,
        _ => null,
    };
}
