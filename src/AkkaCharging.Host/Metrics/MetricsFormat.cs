using Microsoft.Net.Http.Headers;

namespace AkkaCharging.Host.Metrics;

/// <summary>Formats of <c>/metrics</c>.</summary>
internal enum MetricsFormat
{
    /// <summary>JSON, the default.</summary>
    Json,

    /// <summary>Prometheus' text format 0.0.4.</summary>
    PrometheusText,

    /// <summary>OpenMetrics 1.0.0, which today's Prometheus prefers.</summary>
    OpenMetrics,
}

/// <summary>Chooses a format by the <c>Accept</c> header.</summary>
internal static class MetricsFormats
{
    private static readonly (string MediaType, MetricsFormat Format)[] Offers =
    [
        ("application/json", MetricsFormat.Json),
        ("application/openmetrics-text", MetricsFormat.OpenMetrics),
        ("text/plain", MetricsFormat.PrometheusText),
    ];

    /// <summary>
    /// Chooses the format of the highest quality; of equals, the first in the header. Wildcards select JSON where they
    /// cover it, as does a header without a supported type.
    /// </summary>
    /// <remarks>
    /// RFC 9110 section 12.5.1, except for the last rule: a scraper whose <c>Accept</c> is too narrow gets a response
    /// instead of 406.
    /// </remarks>
    public static MetricsFormat Negotiate(HttpRequest request) =>
        request
            .GetTypedHeaders()
            .Accept.Where(range => range.Quality is not 0)
            .OrderByDescending(range => range.Quality ?? 1)
            .Select(Find)
            .FirstOrDefault(format => format is not null)
        ?? MetricsFormat.Json;

    private static MetricsFormat? Find(MediaTypeHeaderValue range) =>
        Offers
            .Where(offer =>
                new MediaTypeHeaderValue(offer.MediaType).IsSubsetOf(new MediaTypeHeaderValue(range.MediaType))
            )
            .Select(offer => (MetricsFormat?)offer.Format)
            .FirstOrDefault();
}
