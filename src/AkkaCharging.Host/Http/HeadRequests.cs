namespace AkkaCharging.Host.Http;

/// <summary>Supports HEAD for every route that answers GET (RFC 9110 section 9.3.2).</summary>
internal static class HeadRequests
{
    /// <summary>Makes the GET routes of <paramref name="routes"/> answer HEAD as well.</summary>
    /// <remarks>The handlers run as for GET, so that status and headers are the same; Kestrel sends no body.</remarks>
    public static RouteGroupBuilder AnswerHead(this RouteGroupBuilder routes)
    {
        ((IEndpointConventionBuilder)routes).Add(endpoint =>
        {
            if (IsGet(endpoint))
                endpoint.Metadata.Add(new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head]));
        });
        return routes;
    }

    private static bool IsGet(EndpointBuilder endpoint) =>
        endpoint
            .Metadata.OfType<HttpMethodMetadata>()
            .Any(route => route.HttpMethods.Contains(HttpMethods.Get, StringComparer.OrdinalIgnoreCase));
}
