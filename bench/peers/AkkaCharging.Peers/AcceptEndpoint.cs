using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace AkkaCharging.Peers;

/// <summary>The accept path of all peers: read, validate, hand on, answer.</summary>
internal static class AcceptEndpoint
{
    /// <summary>Maps the contract's route.</summary>
    /// <param name="take">False when there is no room.</param>
    public static void MapAccept(this WebApplication app, Func<Accepted, ValueTask<bool>> take) =>
        app.MapPost("/api/v1/charging-session", (HttpContext context) => AcceptAsync(context, take));

    private static async Task AcceptAsync(HttpContext context, Func<Accepted, ValueTask<bool>> take)
    {
        var reader = context.Request.BodyReader;
        var read = await reader.ReadAsync(context.RequestAborted);
        while (!read.IsCompleted)
        {
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            read = await reader.ReadAsync(context.RequestAborted);
        }

        var accepted = SubmissionRules.Read(read.Buffer, out var problem);
        reader.AdvanceTo(read.Buffer.End);
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        if (accepted is null)
            await WriteAsync(context, 400, new Refusal("validation_error", problem, now), PeerJson.Default.Refusal);
        else if (!await take(accepted))
            await WriteAsync(
                context,
                503,
                new Refusal("queue_full", "Too many requests are pending.", now),
                PeerJson.Default.Refusal
            );
        else
            await WriteAsync(
                context,
                200,
                new Answer("accepted", "Request queued for async processing.", accepted.RequestId, now),
                PeerJson.Default.Answer
            );
    }

    private static async Task WriteAsync<T>(HttpContext context, int status, T answer, JsonTypeInfo<T> type)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(answer, type);
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = bytes.Length;
        await context.Response.BodyWriter.WriteAsync(bytes, context.RequestAborted);
    }
}
