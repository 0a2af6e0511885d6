using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;

namespace AkkaCharging.Bench.Receiver;

/// <summary>Counts callbacks in a <see cref="Ledger"/>, as cheaply as Kestrel can, and plays the authorizer.</summary>
/// <remarks>
/// <c>POST /c/7</c> is the callback of destination 7: 204 at once, 500 to the first two attempts of each request while
/// destination 7 fails them, or nothing while it hangs. <c>POST /x/7</c> is the same, and the connection is closed
/// after it. <c>POST /authorize</c> answers as
/// <see cref="Ledger.Authorizer"/> says. It listens on every loopback address, so that 127.0.0.2 is another
/// destination.
/// </remarks>
public static class ReceiverProgram
{
    private const int StationAt = 15; // after {"station_id":"
    private const int SequenceAt = StationAt + 24;
    private const int SequenceDigits = 12;
    private const int FailuresEach = 2;
    private static readonly TimeSpan Watch = TimeSpan.FromMilliseconds(20);
    private static readonly ConcurrentDictionary<int, int> FailingAttempts = new();
    private static TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="args">The ledger's path. The port is the first line of the output.</param>
    public static async Task Main(string[] args)
    {
        using var ledger = Ledger.Open(args[0]);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder
            .WebHost.UseKestrelCore()
            .ConfigureKestrel(kestrel =>
            {
                kestrel.AddServerHeader = false;
                kestrel.Listen(IPAddress.Any, 0);
            });
        await using var app = builder.Build();
        app.Run(context => ReceiveAsync(context, ledger));
        await app.StartAsync();
        Console.WriteLine(new Uri(app.Urls.Single()).Port.ToString(CultureInfo.InvariantCulture));
        var watching = WatchAsync(ledger, app.Lifetime.ApplicationStopping);
        await app.WaitForShutdownAsync();
        await watching;
    }

    private static Task ReceiveAsync(HttpContext context, Ledger ledger)
    {
        var path = context.Request.Path.Value!;
        if (path is "/authorize")
            return AuthorizeAsync(context, ledger);
        if (path.StartsWith("/x/", StringComparison.Ordinal))
            context.Response.Headers.Connection = "close";
        var destination = int.Parse(path.AsSpan(3), CultureInfo.InvariantCulture);
        return destination >= Volatile.Read(ref ledger.HangFrom)
            ? HangAsync(context, ledger)
            : CountAsync(context, ledger, failsTwice: destination >= Volatile.Read(ref ledger.FailTwiceFrom));
    }

    private static async Task CountAsync(HttpContext context, Ledger ledger, bool failsTwice)
    {
        var now = Stopwatch.GetTimestamp();
        var reader = context.Request.BodyReader;
        var read = await reader.ReadAsync();
        while (!read.IsCompleted)
        {
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            read = await reader.ReadAsync();
        }

        var body = read.Buffer.IsSingleSegment ? read.Buffer.FirstSpan : read.Buffer.ToArray();
        context.Response.StatusCode = Count(body, now, ledger, failsTwice);
        reader.AdvanceTo(read.Buffer.End);
    }

    /// <returns>The status to answer with.</returns>
    private static int Count(ReadOnlySpan<byte> body, long now, Ledger ledger, bool failsTwice)
    {
        var status = body.IndexOf("\"status\":\""u8);
        if (
            !body.StartsWith("{\"station_id\":\""u8)
            || status < 0
            || !int.TryParse(
                body.Slice(SequenceAt, SequenceDigits),
                NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture,
                out var sequence
            )
            || sequence >= Ledger.Capacity
        )
        {
            Interlocked.Increment(ref ledger.Malformed);
            return StatusCodes.Status204NoContent;
        }

        if (failsTwice && FailingAttempts.AddOrUpdate(sequence, 1, (_, attempts) => attempts + 1) <= FailuresEach)
        {
            Interlocked.Increment(ref ledger.Failed);
            return StatusCodes.Status500InternalServerError;
        }

        if (Interlocked.CompareExchange(ref ledger.ArrivedAt(sequence), now, 0) != 0)
        {
            Interlocked.Increment(ref ledger.Duplicates);
            return StatusCodes.Status204NoContent;
        }

        ref var decision = ref ledger.Unknown;
        if (body[status + 10] == 'a')
            decision = ref ledger.Allowed;
        else if (body[status + 10] == 'n')
            decision = ref ledger.NotAllowed;
        Interlocked.Increment(ref decision);
        Interlocked.Increment(ref ledger.Received);
        return StatusCodes.Status204NoContent;
    }

    private static async Task AuthorizeAsync(HttpContext context, Ledger ledger)
    {
        switch ((AuthorizerMode)Volatile.Read(ref ledger.Authorizer))
        {
            case AuthorizerMode.Hangs:
                await HangAsync(context, ledger);
                break;
            case AuthorizerMode.Fails:
                context.Response.StatusCode = StatusCodes.Status500InternalServerError;
                return;
        }

        context.Response.StatusCode = StatusCodes.Status200OK;
        context.Response.ContentType = "application/json";
        await context.Response.BodyWriter.WriteAsync("""{"status":"allowed"}"""u8.ToArray(), context.RequestAborted);
    }

    /// <summary>
    /// Waits until the faults are over, or the caller hangs up. A callback that hung is not counted: its sender has to
    /// try again.
    /// </summary>
    private static async Task HangAsync(HttpContext context, Ledger ledger)
    {
        Interlocked.Increment(ref ledger.Hanging);
        try
        {
            await Volatile.Read(ref _released).Task.WaitAsync(context.RequestAborted);
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        }
        catch (OperationCanceledException)
        {
            context.Abort();
        }
        finally
        {
            Interlocked.Decrement(ref ledger.Hanging);
        }
    }

    /// <summary>Lets what hangs go when the driver says that nothing hangs any more.</summary>
    private static async Task WatchAsync(Ledger ledger, CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(Watch);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping))
            {
                if (
                    Volatile.Read(ref ledger.Hanging) > 0
                    && Volatile.Read(ref ledger.HangFrom) == long.MaxValue
                    && Volatile.Read(ref ledger.Authorizer) != (long)AuthorizerMode.Hangs
                )
                {
                    Interlocked
                        .Exchange(ref _released, new(TaskCreationOptions.RunContinuationsAsynchronously))
                        .TrySetResult();
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The process ends.
        }
    }
}
