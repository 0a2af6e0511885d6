using AkkaCharging.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace AkkaCharging.Tests.Authorization.Http;

/// <summary>An authorization back end on a port of its own, whose answer a test changes while it runs.</summary>
internal sealed class AuthorizerServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _calls;

    private AuthorizerServer(WebApplication app) => _app = app;

    public int Calls => Volatile.Read(ref _calls);

    public RequestDelegate Handler { get; set; } = _ => Task.CompletedTask;

    public Uri Url => new(_app.Urls.Single() + "/authorize?key=secret-of-the-url");

    public static async Task<AuthorizerServer> StartAsync()
    {
        var server = new AuthorizerServer(LoopbackServer.Build());
        server._app.Run(context =>
        {
            Interlocked.Increment(ref server._calls);
            return server.Handler(context);
        });
        await server._app.StartAsync();
        return server;
    }

    public AuthorizerServer Answers(int status) => Answers(status, "{}");

    public AuthorizerServer Answers(int status, string body, string contentType = "application/json")
    {
        Handler = context =>
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = contentType;
            return context.Response.WriteAsync(body);
        };
        return this;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
