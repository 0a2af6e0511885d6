using System.Threading.RateLimiting;
using AkkaCharging.Metrics;
using Microsoft.AspNetCore.Http.Features;

namespace AkkaCharging.Host.Http;

/// <summary>
/// Bounds how many requests that need no API key are answered at a time, so that submissions keep the processor; and
/// how many of one address per second.
/// </summary>
/// <remarks>
/// Applies to every request of the public listener but those to routes marked by <see cref="Exempt"/>, also where no
/// route matches. A response is written after its place was given back: a caller that does not read its responses holds
/// up its own connection alone, until Kestrel's lowest response rate (240 bytes a second after 5 seconds) ends it.
/// </remarks>
internal sealed class AnonymousReads(AddressLimits addresses) : IDisposable
{
    /// <summary>Requests answered at a time. Each takes less than a millisecond, or waits for the journal.</summary>
    public const int Places = 16;

    /// <summary>Requests that wait for a place; further ones are rejected.</summary>
    public const int WaitingMax = 128;

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    private readonly ConcurrencyLimiter _places = new(
        new()
        {
            PermitLimit = Places,
            QueueLimit = WaitingMax,
            QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
        }
    );

    /// <summary>
    /// Metadata of routes that are not bounded: probes, and those that know callers by their keys and limit them.
    /// </summary>
    public static object Exempt { get; } = new ExemptRoute();

    /// <summary>Requests that wait for a place now.</summary>
    public long Waiting => _places.GetStatistics()!.CurrentQueuedCount;

    /// <summary>Calls <paramref name="next"/> once there is a place.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<ExemptRoute>() is not null)
        {
            await next(context);
            return;
        }

        if (addresses.RateOf(context.Connection.RemoteIpAddress)?.TryTake() is { } wait)
        {
            await context.WriteRateLimitedAsync(caller: null, wait);
            return;
        }

        using var body = new MemoryStream();
        using (var place = await _places.AcquireAsync(permitCount: 1, context.RequestAborted))
        {
            if (!place.IsAcquired)
            {
                await context.WriteErrorAsync(
                    StatusCodes.Status429TooManyRequests,
                    AnswerStatus.RateLimited,
                    "Too many requests without an API key are being answered.",
                    RetryAfter
                );
                return;
            }

            await AnswerIntoAsync(body, context, next);
        }

        if (body.Length > 0)
            await context.Response.Body.WriteAsync(
                body.GetBuffer().AsMemory(0, (int)body.Length),
                context.RequestAborted
            );
    }

    /// <inheritdoc/>
    public void Dispose() => _places.Dispose();

    private static async Task AnswerIntoAsync(MemoryStream body, HttpContext context, RequestDelegate next)
    {
        var connection = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        var buffered = new StreamResponseBodyFeature(body, connection);
        context.Features.Set<IHttpResponseBodyFeature>(buffered);
        try
        {
            await next(context);
            await buffered.CompleteAsync();
        }
        finally
        {
            context.Features.Set(connection);
        }
    }

    private sealed class ExemptRoute;
}
