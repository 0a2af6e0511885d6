using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Scalar.AspNetCore;

namespace AkkaCharging.Host.Http;

/// <summary>Serves the descriptions of the API.</summary>
internal static class ApiDescription
{
    /// <summary>The document's name.</summary>
    public const string Document = "v1";

    // The page's script makes styles and scripts of its own; nothing comes from elsewhere, and nothing goes there.
    private const string PagePolicy =
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src "
        + "'self' data:; font-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

    /// <summary>Maps <c>/openapi/{document}.json</c>, on one listener.</summary>
    /// <remarks>MapOpenApi would take another document's name from the query.</remarks>
    public static void MapDescription(this IEndpointRouteBuilder routes, string document) =>
        routes
            .MapGet(
                $"/openapi/{document}.json",
                async (HttpContext context) =>
                {
                    var description = await context
                        .RequestServices.GetRequiredKeyedService<IOpenApiDocumentProvider>(document)
                        .GetOpenApiDocumentAsync(context.RequestAborted);
                    description.Servers = [new OpenApiServer { Url = "/" }];
                    context.Response.ContentType = "application/json";
                    await context.Response.WriteAsync(
                        await description.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1, context.RequestAborted),
                        context.RequestAborted
                    );
                }
            )
            .ExcludeFromDescription();

    /// <summary>Maps <c>/docs</c>, which shows the description to people.</summary>
    public static void MapDescriptionPage(this IEndpointRouteBuilder routes) =>
        routes
            .MapScalarApiReference("/docs", page => page.DisableDefaultFonts())
            .Add(endpoint =>
            {
                var answer = endpoint.RequestDelegate!;
                endpoint.RequestDelegate = context =>
                {
                    context.Response.Headers.ContentSecurityPolicy = PagePolicy;
                    return answer(context);
                };
            });

    /// <summary>Documents answers of the errors' shape.</summary>
    public static RouteHandlerBuilder ProducesErrors(
        this RouteHandlerBuilder route,
        params ReadOnlySpan<int> statusCodes
    )
    {
        foreach (var statusCode in statusCodes)
            route.Produces<ErrorAnswer>(statusCode);
        return route;
    }
}
