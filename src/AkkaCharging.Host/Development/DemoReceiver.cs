using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization;
using AkkaCharging.Host.Http;
using AkkaCharging.Metrics;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

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
        var settings = routes.ServiceProvider.GetRequiredService<ServerSettings>();
        var time = routes.ServiceProvider.GetRequiredService<TimeProvider>();
        var received = new ConcurrentQueue<ReceivedCallback>();
        routes
            .MapPost("/dev/callbacks", context => ReceiveAsync(context, received, settings, time))
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

    private static async Task ReceiveAsync(
        HttpContext context,
        ConcurrentQueue<ReceivedCallback> received,
        ServerSettings settings,
        TimeProvider time
    )
    {
        var (bytes, unread) = await BodyReader.ReadAsync(context, settings, time);
        if (unread is not null)
            return;

        if (!BodyReader.IsJson(context.Request) || Parse(bytes) is not { } body)
        {
            await context.WriteErrorAsync(
                StatusCodes.Status400BadRequest,
                AnswerStatus.BadRequest,
                "Expected a JSON body."
            );
            return;
        }

        received.Enqueue(new(context.Now(), context.Request.Headers["webhook-id"], body));
        while (received.Count > Kept)
            received.TryDequeue(out _);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static JsonElement? Parse(byte[] json)
    {
        try
        {
            return JsonSerializer.Deserialize(Utf8Json.WithoutMark(json), DemoJson.Default.JsonElement);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
