using System.Threading.RateLimiting;
using AkkaCharging.Host.Connections;
using AkkaCharging.Metrics;
using Microsoft.AspNetCore.Http.Features;

namespace AkkaCharging.Host.Http;

/// <summary>
/// Limits how many requests that need no API key are processed at a time, so that submissions keep the processor, and
/// how many each address may send per second.
/// </summary>
/// <remarks>
/// Applies to every request of the public listener, except to routes marked by <see cref="Exempt"/>, and also where no
/// route matches. A response is written after its place was released: a caller that does not read its responses only
/// blocks its own connection, which makes room for another caller or ends by the minimum rate of responses.
/// </remarks>
internal sealed class AnonymousReads(AddressLimits addresses) : IDisposable
{
    /// <summary>
    /// Maximum number of requests processed at a time. Each takes less than a millisecond, or waits for the journal.
    /// </summary>
    public const int Places = 16;

    /// <summary>Maximum number of requests that wait for a place; further ones are rejected.</summary>
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

    /// <summary>Metadata of routes that are exempt: probes, and routes that limit callers by their keys.</summary>
    public static object Exempt { get; } = new ExemptRoute();

    /// <summary>Number of requests that wait for a place.</summary>
    public long Waiting => _places.GetStatistics()!.CurrentQueuedCount;

    /// <summary>Calls <paramref name="next"/> when there is a place.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<ExemptRoute>() is not null)
        {
            await next(context);
            return;
        }

        var limit = addresses.RateOf(context.Connection.RemoteIpAddress);
        var wait = limit?.TryTake();
        limit?.Describe(context.Response.Headers);
        if (wait is not null)
        {
            await context.WriteRateLimitedAsync(caller: null, wait.Value);
            return;
        }

        using var body = new HeldBody();
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

        if (!body.Content.IsEmpty)
            await BoundedTransport.WriteAsync(context, body.Content, context.RequestAborted);
    }

    /// <inheritdoc/>
    public void Dispose() => _places.Dispose();

    private static async Task AnswerIntoAsync(HeldBody body, HttpContext context, RequestDelegate next)
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
