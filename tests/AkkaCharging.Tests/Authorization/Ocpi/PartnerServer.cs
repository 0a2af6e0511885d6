using System.Collections.Concurrent;
using AkkaCharging.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace AkkaCharging.Tests.Authorization.Ocpi;

/// <summary>One request as it came over the wire.</summary>
internal sealed record PartnerRequest(
    string Method,
    string Target,
    IReadOnlyDictionary<string, string> Headers,
    string Body
);

/// <summary>An eMSP or a hub on a port of its own, whose answers a test changes while it runs.</summary>
internal sealed class PartnerServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<PartnerRequest> _requests = new();
    private readonly ConcurrentDictionary<string, byte> _connections = new();

    private PartnerServer(WebApplication app) => _app = app;

    /// <summary>All requests so far.</summary>
    public IReadOnlyList<PartnerRequest> Requests => [.. _requests];

    /// <summary>The connections that requests came by.</summary>
    public int Connections => _connections.Count;

    /// <summary>What answers requests.</summary>
    public RequestDelegate Handler { get; set; } = _ => Task.CompletedTask;

    public string Origin { get; private set; } = "";

    public Uri Tokens => new($"{Origin}/ocpi/emsp/2.2.1/tokens");

    public Uri Versions => new($"{Origin}/ocpi/versions");

    public static async Task<PartnerServer> StartAsync()
    {
        var server = new PartnerServer(LoopbackServer.Build());
        server._app.Run(async context =>
        {
            server._connections.TryAdd(context.Connection.Id, 0);
            using var reader = new StreamReader(context.Request.Body);
            server._requests.Enqueue(
                new PartnerRequest(
                    context.Request.Method,
                    context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
                    context.Request.Headers.ToDictionary(
                        header => header.Key,
                        header => header.Value.ToString(),
                        StringComparer.OrdinalIgnoreCase
                    ),
                    await reader.ReadToEndAsync()
                )
            );
            await server.Handler(context);
        });
        await server._app.StartAsync();
        server.Origin = server._app.Urls.Single();
        return server;
    }

    /// <summary>An envelope with <paramref name="data"/>.</summary>
    public static string Envelope(string data, int code = 1000) =>
        $$"""{"data":{{data}},"status_code":{{code}},"timestamp":"2026-01-02T03:04:05Z"}""";

    public PartnerServer Answers(string body) => Answers(200, body);

    public PartnerServer Answers(int status, string body = "", string contentType = "application/json")
    {
        Handler = context => WriteAsync(context, status, body, contentType);
        return this;
    }

    /// <summary>Lists versions and endpoints, and allows everything.</summary>
    public PartnerServer AnswersAll(string versions, string details)
    {
        Handler = context =>
            WriteAsync(
                context,
                200,
                context.Request.Path.Value switch
                {
                    "/ocpi/versions" => Envelope(versions),
                    "/ocpi/details" => Envelope(details),
                    _ => Envelope("""{"allowed":"ALLOWED"}"""),
                },
                "application/json"
            );
        return this;
    }

    public static Task WriteAsync(HttpContext context, int status, string body, string contentType)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = contentType;
        return context.Response.WriteAsync(body);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
