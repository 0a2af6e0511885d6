using System.Diagnostics;

namespace AkkaCharging.Host.Telemetry;

/// <summary>
/// Describes the span of an HTTP request by its route, never by its path, query or headers, which contain a caller's
/// text.
/// </summary>
/// <remarks>
/// Names are OpenTelemetry's semantic conventions for HTTP servers. ASP.NET Core creates the span, below the caller's
/// <c>traceparent</c>.
/// </remarks>
internal static class HttpSpans
{
    /// <summary>Activity source of ASP.NET Core.</summary>
    public const string SourceName = "Microsoft.AspNetCore";

    private static readonly string[] Probed = ["/health", "/metrics"];
    private static readonly string[] Methods =
    [
        "GET",
        "POST",
        "PUT",
        "DELETE",
        "HEAD",
        "OPTIONS",
        "PATCH",
        "TRACE",
        "CONNECT",
    ];

    /// <summary>Adds the middleware before all others, so that rejected requests are traced too.</summary>
    public static void UseHttpSpans(this WebApplication app) =>
        app.Use(
            async (context, next) =>
            {
                if (Activity.Current is not { } span)
                {
                    await next(context);
                    return;
                }

                // The trace state is a caller's own text for other collectors, so it is neither journaled nor exported.
                span.TraceStateString = null;
                if (
                    Array.Exists(
                        Probed,
                        path => context.Request.Path.StartsWithSegments(path, StringComparison.Ordinal)
                    )
                )
                    // Probes are requested every few seconds and are not worth a trace.
                    span.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
                try
                {
                    await next(context);
                }
                finally
                {
                    Describe(span, context);
                }
            }
        );

    private static void Describe(Activity span, HttpContext context)
    {
        if (!span.IsAllDataRequested)
            return;
        var method = Array.Find(Methods, known => HttpMethods.Equals(known, context.Request.Method)) ?? "_OTHER";
        var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText;
        span.DisplayName = route is null ? method : $"{method} {route}";
        span.SetTag("http.request.method", method)
            .SetTag("url.scheme", context.Request.Scheme)
            .SetTag("http.response.status_code", context.Response.StatusCode);
        if (route is not null)
            span.SetTag("http.route", route);
        if (context.Response.StatusCode >= StatusCodes.Status500InternalServerError)
            span.SetTag("error.type", context.Response.StatusCode.ToString()).SetStatus(ActivityStatusCode.Error);
    }
}
