using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;
using Scalar.AspNetCore;

namespace AkkaCharging.Host.Http;

/// <summary>Serves the descriptions of the API.</summary>
internal static class ApiDescription
{
    /// <summary>The name of the public document.</summary>
    public const string Document = "v1";

    // The page's script creates styles and scripts itself; nothing is loaded from or sent to other hosts.
    private const string PagePolicy =
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src "
        + "'self' data:; font-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

    /// <summary>Maps <c>/openapi/{document}.json</c>, on one listener.</summary>
    /// <remarks>
    /// The description is rendered once: it takes milliseconds of processor time, needs no key, and does not change
    /// while the process runs. MapOpenApi would render it for each request, and take the document's name from the
    /// query.
    /// </remarks>
    public static void MapDescription(this IEndpointRouteBuilder routes, string document)
    {
        var services = routes.ServiceProvider;
        var rendered = new Kept<Rendered>(
            new SemaphoreSlim(1),
            Timeout.InfiniteTimeSpan,
            services.GetRequiredService<TimeProvider>()
        );
        routes
            .MapGet(
                $"/openapi/{document}.json",
                async (HttpContext context) =>
                    await context.WriteDescriptionAsync(
                        await rendered.GetAsync(RenderThisAsync, context.RequestAborted)
                    )
            )
            .ExcludeFromDescription();

        Task<Rendered> RenderThisAsync() => RenderAsync(services, document);
    }

    /// <summary>Maps <c>/docs</c>, which shows the description to people.</summary>
    public static void MapDescriptionPage(this IEndpointRouteBuilder routes) =>
        routes
            .MapScalarApiReference(
                "/docs",
                page =>
                    page.WithTitle("AkkaCharging API")
                        .DisableDefaultFonts()
                        // The vendor's links lead to other hosts, which the policy blocks.
                        .HideClientButton()
                        .HideDeveloperTools()
                        .DisableAgent()
                        .DisableMcp()
                        .DisableTelemetry()
            )
            .Add(endpoint =>
            {
                var answer = endpoint.RequestDelegate!;
                endpoint.RequestDelegate = context =>
                {
                    context.Response.Headers.ContentSecurityPolicy = PagePolicy;
                    return answer(context);
                };
            });

    /// <summary>Documents responses with the body of errors.</summary>
    public static RouteHandlerBuilder ProducesErrors(
        this RouteHandlerBuilder route,
        params ReadOnlySpan<int> statusCodes
    )
    {
        foreach (var statusCode in statusCodes)
            route.Produces<ErrorAnswer>(statusCode);
        return route;
    }

    private static async Task<Rendered> RenderAsync(IServiceProvider services, string document)
    {
        var description = await services
            .GetRequiredKeyedService<IOpenApiDocumentProvider>(document)
            .GetOpenApiDocumentAsync(CancellationToken.None);
        description.Servers = [new OpenApiServer { Url = "/" }];
        var json = Encoding.UTF8.GetBytes(
            await description.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1, CancellationToken.None)
        );
        return new(json, new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(json)[..16])}\""));
    }

    private static async Task WriteDescriptionAsync(this HttpContext context, Rendered description)
    {
        var headers = context.Response.GetTypedHeaders();
        headers.ETag = description.Tag;
        headers.CacheControl = new() { NoCache = true }; // caches revalidate by the tag, which differs between versions
        if (
            context
                .Request.GetTypedHeaders()
                .IfNoneMatch.Any(tag =>
                    tag.Equals(EntityTagHeaderValue.Any) || tag.Compare(description.Tag, useStrongComparison: false)
                )
        )
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        context.Response.ContentType = "application/json";
        await context.WriteBytesAsync(description.Json);
    }

    private sealed record Rendered(byte[] Json, EntityTagHeaderValue Tag);
}
