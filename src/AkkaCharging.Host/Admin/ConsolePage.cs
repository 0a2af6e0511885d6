namespace AkkaCharging.Host.Admin;

/// <summary>
/// The operators' console: a page and its two files, out of the executable. All that it shows comes from the operators'
/// API.
/// </summary>
internal static class ConsolePage
{
    /// <summary>Path of the console.</summary>
    public const string Path = "/console";

    // No script but the page's own, nothing from elsewhere, in nobody's frame, and no string ever becomes markup
    // (Trusted Types): callers choose the names of callback hosts. A form that its script does not handle goes nowhere,
    // so that no token gets into an address. The image is the icon: an empty one.
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri "
        + "'none'; form-action 'none'; frame-ancestors 'none'; "
        + "require-trusted-types-for 'script'; trusted-types 'none'";

    private static readonly Dictionary<string, (string Type, byte[] Content)> Files = new(
        StringComparer.OrdinalIgnoreCase
    )
    {
        [Path] = ("text/html; charset=utf-8", Read("console.html")),
        ["/console.css"] = ("text/css; charset=utf-8", Read("console.css")),
        ["/console.js"] = ("text/javascript; charset=utf-8", Read("console.js")),
    };

    /// <summary>
    /// Whether <paramref name="request"/> asks for the page alone, which tells nothing: it is where a token is entered.
    /// </summary>
    public static bool IsAskedForBy(HttpRequest request) =>
        (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method))
        && (request.Path == "/" || Files.ContainsKey(request.Path.Value ?? ""));

    /// <summary>Maps the page, and <c>/</c> to it.</summary>
    public static void MapConsole(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/", () => TypedResults.LocalRedirect(Path)).ExcludeFromDescription();
        foreach (var (path, (type, content)) in Files)
        {
            routes
                .MapGet(
                    path,
                    async (HttpContext context) =>
                    {
                        var headers = context.Response.Headers;
                        headers.ContentSecurityPolicy = ContentSecurityPolicy; // in place of what every answer says
                        headers["Cross-Origin-Opener-Policy"] = "same-origin";
                        headers["Cross-Origin-Resource-Policy"] = "same-origin";
                        headers.CacheControl = "no-store"; // the page of one version never meets the API of another
                        context.Response.ContentType = type;
                        context.Response.ContentLength = content.Length;
                        await context.Response.Body.WriteAsync(content, context.RequestAborted);
                    }
                )
                .ExcludeFromDescription();
        }
    }

    private static byte[] Read(string name)
    {
        using var resource = typeof(ConsolePage).Assembly.GetManifestResourceStream(name)!;
        var content = new byte[resource.Length];
        resource.ReadExactly(content);
        return content;
    }
}
