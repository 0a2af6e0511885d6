using Microsoft.Net.Http.Headers;

namespace AkkaCharging.Host.Metrics;

/// <summary>What <c>/metrics</c> can be answered as.</summary>
internal enum MetricsFormat
{
    /// <summary>For people and programs; what is answered when nothing else is asked for by name.</summary>
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
    /// The best that is asked for; of equals the first in the header. Wildcards mean JSON where they cover it, as does
    /// a header that names nothing we have.
    /// </summary>
    /// <remarks>
    /// RFC 9110 section 12.5.1, but for the last: a scraper that asks for less than it can read is better answered than
    /// refused.
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
