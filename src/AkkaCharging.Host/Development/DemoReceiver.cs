using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization;
using AkkaCharging.Host.Http;
using AkkaCharging.Metrics;

namespace AkkaCharging.Host.Development;

/// <summary>A callback that the demo receiver accepted.</summary>
/// <param name="At">When the callback arrived, in milliseconds since 1970.</param>
internal sealed record ReceivedCallback(long At, string? WebhookId, JsonElement Body);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(IReadOnlyCollection<ReceivedCallback>))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class DemoJson : JsonSerializerContext;

/// <summary>
/// A receiver for first steps, in development only: <c>POST /dev/callbacks</c> receives callbacks, <c>GET
/// /dev/callbacks</c> lists the last ones.
/// </summary>
internal static class DemoReceiver
{
    private const int Kept = 100;

    /// <summary>Maps both routes.</summary>
    public static void MapDemoReceiver(this IEndpointRouteBuilder routes)
    {
        var received = new ConcurrentQueue<ReceivedCallback>();
        routes
            .MapPost(
                "/dev/callbacks",
                async (HttpContext context) =>
                {
                    try
                    {
                        var body = await context.Request.ReadFromJsonAsync(
                            DemoJson.Default.JsonElement,
                            context.RequestAborted
                        );
                        received.Enqueue(new(context.Now(), context.Request.Headers["webhook-id"], body));
                        while (received.Count > Kept)
                            received.TryDequeue(out _);
                        context.Response.StatusCode = StatusCodes.Status204NoContent;
                    }
                    catch (Exception e) when (e is JsonException or InvalidOperationException)
                    {
                        await context.WriteErrorAsync(
                            StatusCodes.Status400BadRequest,
                            AnswerStatus.BadRequest,
                            "Expected a JSON body."
                        );
                    }
                }
            )
            .ExcludeFromDescription();
        routes
            .MapGet(
                "/dev/callbacks",
                context =>
                    context.WriteJsonAsync(
                        StatusCodes.Status200OK,
                        received.Reverse().ToList(),
                        DemoJson.Default.IReadOnlyCollectionReceivedCallback
                    )
            )
            .ExcludeFromDescription();
    }
}
