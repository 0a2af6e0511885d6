using AkkaCharging.Host.Metrics;
using Microsoft.AspNetCore.Http;

namespace AkkaCharging.Host.Tests.Metrics;

[Trait("Category", "Unit")]
public sealed class MetricsFormatTests
{
    [Theory]
    [InlineData(null, MetricsFormat.Json)]
    [InlineData("*/*", MetricsFormat.Json)] // curl
    [InlineData("application/*", MetricsFormat.Json)]
    [InlineData("application/json", MetricsFormat.Json)]
    // a browser
    [InlineData("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", MetricsFormat.Json)]
    [InlineData("image/png", MetricsFormat.Json)]
    [InlineData("nonsense", MetricsFormat.Json)]
    [InlineData("text/plain;q=0, */*", MetricsFormat.Json)]
    [InlineData("text/plain", MetricsFormat.PrometheusText)]
    [InlineData("text/*", MetricsFormat.PrometheusText)]
    [InlineData("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", MetricsFormat.PrometheusText)]
    [InlineData("application/json;q=0.5, text/plain", MetricsFormat.PrometheusText)]
    [InlineData("application/json, text/plain", MetricsFormat.Json)]
    [InlineData("application/openmetrics-text", MetricsFormat.OpenMetrics)]
    // Prometheus 2.42, 2.55 with native histograms, and 3.
    [InlineData(
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
            + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        MetricsFormat.OpenMetrics
    )]
    [InlineData(
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.5,"
            + "application/openmetrics-text;version=1.0.0;q=0.4,application/openmetrics-text;version=0.0.1;q=0.3,"
            + "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
        MetricsFormat.OpenMetrics
    )]
    [InlineData(
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
            + "application/openmetrics-text;version=0.0.1;q=0.5,"
            + "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        MetricsFormat.OpenMetrics
    )]
    public void Accept_ChoosesTheFormat(string? accept, object expected)
    {
        var context = new DefaultHttpContext();
        if (accept is not null)
            context.Request.Headers.Accept = accept;

        Assert.Equal((MetricsFormat)expected, MetricsFormats.Negotiate(context.Request));
    }
}
