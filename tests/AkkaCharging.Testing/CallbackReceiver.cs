using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace AkkaCharging.Testing;

/// <summary>One callback as it arrived.</summary>
/// <param name="At">Since the receiver was started, on a monotonic clock.</param>
internal sealed record ReceivedCallback(
    TimeSpan At,
    string Path,
    IReadOnlyDictionary<string, string> Headers,
    byte[] Body
)
{
    public string WebhookId => Headers["webhook-id"];

    public string Status => JsonDocument.Parse(Body).RootElement.GetProperty("status").GetString()!;
}

/// <summary>A real HTTP receiver on a free loopback port, whose answer a test changes while it runs.</summary>
internal sealed class CallbackReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly long _startedAt = Stopwatch.GetTimestamp();
    private readonly ConcurrentQueue<ReceivedCallback> _received = new();
    private volatile Func<HttpContext, ReceivedCallback, Task> _answer = (context, _) =>
        Answer(context, HttpStatusCode.NoContent);

    private CallbackReceiver(WebApplication app) => _app = app;

    public IReadOnlyList<ReceivedCallback> Received => [.. _received];

    /// <summary>Where callbacks go; tests may append a path.</summary>
    public string Url => _app.Urls.Single() + "/callback";

    public static async Task<CallbackReceiver> StartAsync()
    {
        var app = LoopbackServer.Build();
        var receiver = new CallbackReceiver(app);
        app.Run(receiver.ReceiveAsync);
        await app.StartAsync();
        return receiver;
    }

    public void RespondWith(HttpStatusCode status, params (string Name, string Value)[] headers) =>
        _answer = (context, _) => Answer(context, status, headers);

    public void RespondWith(Func<HttpContext, ReceivedCallback, Task> answer) => _answer = answer;

    /// <summary>Accepts and never answers, until the caller hangs up.</summary>
    public void Hang() =>
        _answer = (context, _) =>
            Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static Task Answer(HttpContext context, HttpStatusCode status, params (string Name, string Value)[] headers)
    {
        context.Response.StatusCode = (int)status;
        foreach (var (name, value) in headers)
            context.Response.Headers[name] = value;
        return Task.CompletedTask;
    }

    private async Task ReceiveAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        var headers = context.Request.Headers.ToDictionary(
            header => header.Key,
            header => header.Value.ToString(),
            StringComparer.OrdinalIgnoreCase
        );
        var received = new ReceivedCallback(
            Stopwatch.GetElapsedTime(_startedAt),
            context.Request.Path,
            headers,
            body.ToArray()
        );
        _received.Enqueue(received);
        await _answer(context, received);
    }
}
