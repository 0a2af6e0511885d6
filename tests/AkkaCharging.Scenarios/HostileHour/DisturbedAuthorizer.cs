using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using AkkaCharging.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>
/// A back end that decides at random each time it is asked, so that whoever asks again for a decision already made gets
/// another one; and that fails in all ways that <c>docs/authorizers.md</c> tells apart.
/// </summary>
internal sealed class DisturbedAuthorizer : IAsyncDisposable
{
    private static readonly Dictionary<string, Func<HttpContext, Task>> Failures = new(StringComparer.Ordinal)
    {
        ["authorizer answers 500"] = context => Answer(context, 500, "application/json", "{}"),
        ["authorizer answers 503"] = context => Answer(context, 503, "application/json", "{}"),
        ["authorizer answers 429"] = context => Answer(context, 429, "application/json", "{}"),
        ["authorizer answers 401"] = context => Answer(context, 401, "application/json", "{}"),
        ["authorizer redirects"] = context => Answer(context, 302, "application/json", "{}"),
        ["authorizer answers HTML"] = context => Answer(context, 200, "text/html", "<p>allowed</p>"),
        ["authorizer answers no JSON"] = context => Answer(context, 200, "application/json", "{\"status\":"),
        ["authorizer answers no status"] = context => Answer(context, 200, "application/json", "{}"),
        ["authorizer answers another status"] = context =>
            Answer(context, 200, "application/json", "{\"status\":\"perhaps\"}"),
        ["authorizer answers two statuses"] = context =>
            Answer(context, 200, "application/json", "{\"status\":\"allowed\",\"status\":\"not_allowed\"}"),
        ["authorizer answers too much"] = context =>
            Answer(context, 200, "application/json", $"{{\"status\":\"allowed\",\"x\":\"{new string('x', 5_000)}\"}}"),
        ["authorizer hangs"] = context =>
            Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default),
        ["authorizer resets"] = context =>
        {
            context.Abort();
            return Task.CompletedTask;
        },
    };

    private readonly WebApplication _app = LoopbackServer.Build();
    private readonly ConcurrentQueue<(string Id, string Status)> _answers = new();
    private volatile Func<HttpContext, Task>? _failure;

    private DisturbedAuthorizer() => _app.Run(DecideAsync);

    public string Url => _app.Urls.Single() + "/authorize";

    /// <summary>Statuses that were answered, by request id.</summary>
    public ILookup<string, string> Answers =>
        _answers.ToLookup(answer => answer.Id, answer => answer.Status, StringComparer.Ordinal);

    public FaultSource Source =>
        new(
            "authorizer",
            PauseMillisMax: 3_000,
            [
                .. Failures.Select(failure =>
                    Fault.Lasting(failure.Key, 2_000, _ => _failure = failure.Value, () => _failure = null)
                ),
            ]
        );

    public static async Task<DisturbedAuthorizer> StartAsync()
    {
        var authorizer = new DisturbedAuthorizer();
        await authorizer._app.StartAsync();
        return authorizer;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static Task Answer(HttpContext context, int status, string type, string body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        return context.Response.WriteAsync(body);
    }

    private async Task DecideAsync(HttpContext context)
    {
        var question = await JsonSerializer.DeserializeAsync<JsonElement>(context.Request.Body);
        if (_failure is { } failure)
        {
            await failure(context);
            return;
        }

        var status = RandomNumberGenerator.GetInt32(2) == 0 ? "allowed" : "not_allowed";
        _answers.Enqueue((question.GetProperty("requestId").GetString()!, status));
        await Answer(context, 200, "application/json", $"{{\"status\":\"{status}\"}}");
    }
}
