namespace AkkaCharging.Host.Admin;

/// <summary>
/// Serves the operators' console: a page and its two files, embedded in the executable. All of its data comes from the
/// operators' API.
/// </summary>
internal static class ConsolePage
{
    /// <summary>Path of the console.</summary>
    public const string Path = "/console";

    // Allows only the page's own script, no foreign content, no framing, and no string as markup (Trusted Types),
    // because callers choose the names of callback hosts. Forms are not submitted, so that no token gets into a URL.
    // The image is an empty icon.
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
    /// Checks whether <paramref name="request"/> asks only for the page itself, which contains no data and is where
    /// operators enter their token.
    /// </summary>
    public static bool IsAskedForBy(HttpRequest request) =>
        (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method))
        && (request.Path == "/" || Files.ContainsKey(request.Path.Value ?? ""));

    /// <summary>Maps the page, and redirects <c>/</c> to it.</summary>
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
                        headers.ContentSecurityPolicy = ContentSecurityPolicy; // replaces the policy of other responses
                        headers["Cross-Origin-Opener-Policy"] = "same-origin";
                        headers["Cross-Origin-Resource-Policy"] = "same-origin";
                        headers.CacheControl = "no-store"; // so that page and API always have the same version
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
