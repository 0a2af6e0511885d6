// Receives callbacks, verifies their signature (docs/receivers.md) and shows them at GET /.
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

var key = Convert.FromBase64String(Environment.GetEnvironmentVariable("SIGNING_KEY")!["whsec_".Length..]);
var received = new ConcurrentQueue<JsonElement>();
var app = WebApplication.CreateSlimBuilder(args).Build();
app.Urls.Add($"http://127.0.0.1:{Environment.GetEnvironmentVariable("RECEIVER_PORT")}");
app.MapGet("/", () => received);
app.MapPost(
    "/callbacks",
    async (HttpRequest request) =>
    {
        using var body = new StreamReader(request.Body);
        var text = await body.ReadToEndAsync();
        var signed = $"{request.Headers["webhook-id"]}.{request.Headers["webhook-timestamp"]}.{text}";
        var expected = $"v1,{Convert.ToBase64String(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(signed)))}";
        if (!request.Headers["webhook-signature"].ToString().Split(' ').Any(given => IsSame(given, expected)))
            return Results.Unauthorized();
        received.Enqueue(JsonSerializer.Deserialize<JsonElement>(text));
        return Results.NoContent();
    }
);
app.Run();

static bool IsSame(string given, string expected) =>
    CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given), Encoding.UTF8.GetBytes(expected));
