using Microsoft.Extensions.Primitives;

namespace AkkaCharging.Host.Http;

/// <summary>
/// Security headers of every response: no sniffing, no scripts, no framing, no referrer.
/// </summary>
internal static class SecurityHeaders
{
    private static readonly StringValues NoSniff = "nosniff";
    private static readonly StringValues NoReferrer = "no-referrer";
    private static readonly StringValues Nothing = "default-src 'none'; frame-ancestors 'none'";

    /// <summary>Sets the headers; the pages of this service replace the policy by their own.</summary>
    public static void SetSecurityHeaders(this HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.XContentTypeOptions = NoSniff;
        headers["Referrer-Policy"] = NoReferrer;
        headers.ContentSecurityPolicy = Nothing;
    }
}
