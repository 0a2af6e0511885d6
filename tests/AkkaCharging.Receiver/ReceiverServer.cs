using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AkkaCharging.ReceiverProcesses;

/// <summary>One callback as it arrived.</summary>
/// <param name="Status">The decision in its body.</param>
/// <param name="Timestamp">The decision's time in its body.</param>
/// <param name="Ticks">Of <see cref="Stopwatch"/>, on arrival: on Linux one clock for all processes of a
/// machine.</param>
/// <param name="Answered">The HTTP status of the answer; null until there is one.</param>
public sealed record Arrival(string WebhookId, string Path, string Status, long Timestamp, long Ticks, int? Answered);

/// <summary>
/// Receives callbacks and records them. The first segment of a callback's path chooses what it does: <c>/ok</c> 204;
/// <c>/fail-twice</c> 500 twice per webhook-id, then 204; <c>/status/503</c> that status; <c>/slow/250</c> 204 after
/// 250 ms; <c>/gate</c> 204 after <c>POST /open</c>; <c>/away</c> 500 until then; <c>/hang</c> nothing, until the
/// caller hangs up; <c>/flaky</c> one of these or worse, which the path and the number of the attempt decide.
/// <c>GET /received</c> lists the arrivals, <c>GET /received/count</c> counts those that were answered.
/// </summary>
public sealed class ReceiverServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<int, Arrival> _arrivals = new();
    private readonly ConcurrentDictionary<string, int> _attemptsSeen = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _arrived;
    private int _answered;

    private ReceiverServer(WebApplication app)
    {
        _app = app;
        app.MapGet(
            "/received",
            context =>
                context.Response.WriteAsJsonAsync(
                    // An array first: OrderBy on the dictionary itself copies it with a length that may be outdated.
                    _arrivals.ToArray().OrderBy(arrival => arrival.Key).Select(arrival => arrival.Value)
                )
        );
        app.MapGet(
            "/received/count",
            context => context.Response.WriteAsync(Volatile.Read(ref _answered).ToString(CultureInfo.InvariantCulture))
        );
        app.MapPost(
            "/open",
            _ =>
            {
                _gate.TrySetResult();
                return Task.CompletedTask;
            }
        );
        app.MapPost("/{behaviour}/{**rest}", ReceiveAsync);
    }

    /// <summary>Scheme, host and port of each listener.</summary>
    public IEnumerable<string> Addresses => _app.Urls;

    /// <summary>Starts one on loopback.</summary>
    /// <param name="port">0 for a free one.</param>
    public static async Task<ReceiverServer> StartAsync(int port, int listeners)
    {
        // Neither configuration nor logs nor handlers with parameters: a hundred of these start in a run.
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            for (var listener = 0; listener < listeners; listener++)
                kestrel.Listen(IPAddress.Loopback, port);
        });
        var server = new ReceiverServer(builder.Build());
        await server._app.StartAsync();
        return server;
    }

    /// <summary>Waits until its process is to end.</summary>
    public Task WaitForShutdownAsync() => _app.WaitForShutdownAsync();

    /// <summary>Closes all connections at once.</summary>
    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task ReceiveAsync(HttpContext context)
    {
        var behaviour = (string)context.Request.RouteValues["behaviour"]!;
        var rest = (string?)context.Request.RouteValues["rest"];
        var ticks = Stopwatch.GetTimestamp();
        using var body = await JsonDocument.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted);
        var id = context.Request.Headers["webhook-id"].ToString();
        var attempt = _attemptsSeen.AddOrUpdate(id, 1, (_, seen) => seen + 1);
        var number = Interlocked.Increment(ref _arrived);
        var decision = body.RootElement;
        var arrival = new Arrival(
            id,
            context.Request.Path,
            decision.GetProperty("status").GetString()!,
            decision.GetProperty("timestamp").GetInt64(),
            ticks,
            Answered: null
        );
        _arrivals[number] = arrival;
        try
        {
            var status =
                behaviour == "flaky"
                    ? await AnswerFlakyAsync(context, rest, attempt)
                    : await AnswerAsync(behaviour, rest, attempt, context.RequestAborted);
            _arrivals[number] = arrival with { Answered = status };
            Interlocked.Increment(ref _answered);
            context.Response.StatusCode = status;
        }
        catch (OperationCanceledException)
        {
            // The caller hung up: it has no answer, and the arrival says so.
        }
    }

    private async Task<int> AnswerAsync(string behaviour, string? rest, int attempt, CancellationToken hungUp)
    {
        switch (behaviour)
        {
            case "fail-twice":
                return attempt <= 2 ? StatusCodes.Status500InternalServerError : StatusCodes.Status204NoContent;
            case "status":
                return ArgumentOf(rest);
            case "slow":
                await Task.Delay(ArgumentOf(rest), hungUp);
                return StatusCodes.Status204NoContent;
            case "away":
                return _gate.Task.IsCompleted
                    ? StatusCodes.Status204NoContent
                    : StatusCodes.Status500InternalServerError;
            case "gate":
                await _gate.Task.WaitAsync(hungUp);
                return StatusCodes.Status204NoContent;
            case "hang":
                await Task.Delay(Timeout.Infinite, hungUp);
                return StatusCodes.Status204NoContent;
            default:
                return StatusCodes.Status204NoContent;
        }
    }

    /// <summary>The segment after the behaviour; others may follow.</summary>
    private static int ArgumentOf(string? rest) => int.Parse(rest!.Split('/')[0], CultureInfo.InvariantCulture);

    /// <summary>Half of the attempts succeed at once.</summary>
    private async Task<int> AnswerFlakyAsync(HttpContext context, string? path, int attempt)
    {
        var sum = (path ?? "").Aggregate((uint)attempt * 40_503, (hash, letter) => (hash * 31) + letter);
        switch (((sum * 2_654_435_761) >> 16) & 31)
        {
            case 0 or 1 or 2:
                return StatusCodes.Status500InternalServerError;
            case 3:
                context.Response.Headers.RetryAfter = "1";
                return StatusCodes.Status503ServiceUnavailable;
            case 4:
                return StatusCodes.Status429TooManyRequests;
            case 5:
                return StatusCodes.Status408RequestTimeout;
            case 6:
                return StatusCodes.Status410Gone;
            case 7:
                return StatusCodes.Status302Found;
            case 8 or 9:
                return await AnswerAsync("slow", "300", attempt, context.RequestAborted);
            case 10:
                return await AnswerAsync("slow", "1500", attempt, context.RequestAborted);
            case 11:
                return await AnswerAsync("hang", rest: null, attempt, context.RequestAborted);
            case 12 or 13 or 14 or 15:
                context.Abort();
                throw new OperationCanceledException("The receiver hung up.");
            default:
                return StatusCodes.Status204NoContent;
        }
    }
}
