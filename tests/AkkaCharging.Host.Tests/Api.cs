using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests;

/// <summary>What a caller sends and what every answer has to look like.</summary>
internal static class Api
{
    public const string Submit = "/api/v1/charging-session";
    public const string Token = RunningService.AllowedToken;

    private static readonly string[] ErrorFields = ["status", "message", "timestamp"];
    private static readonly string[] ValidationErrorFields = ["status", "message", "errors", "timestamp"];

    public static string Body(
        string callbackUrl = "https://receiver.example.com/cb",
        string token = Token,
        string more = ""
    ) =>
        $$"""{"stationId":"{{RunningService.Station}}","driverToken":"{{token}}","callbackUrl":"{{callbackUrl}}"{{more}}}""";

    public static ByteArrayContent Json(string body) => Json(Encoding.UTF8.GetBytes(body));

    public static ByteArrayContent Json(byte[] body)
    {
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return content;
    }

    public static HttpRequestMessage Post(string body, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, Submit) { Content = Json(body) };
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return request;
    }

    public static async Task<JsonElement> BodyOf(HttpResponseMessage response) =>
        JsonSerializer.Deserialize<JsonElement>(await response.Content.ReadAsStringAsync());

    public static async Task<string> AcceptedAsync(HttpResponseMessage response)
    {
        Assert.Equal(200, (int)response.StatusCode);
        Protected(response);
        var body = await BodyOf(response);
        Assert.Equal(["status", "message", "requestId", "timestamp"], Names(body));
        Assert.Equal("accepted", body.GetProperty("status").GetString());
        Assert.Equal("Request queued for async processing.", body.GetProperty("message").GetString());
        Assert.Matches(
            "^req-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
            body.GetProperty("requestId").GetString()
        );
        return body.GetProperty("requestId").GetString()!;
    }

    /// <summary>Asserts the common shape of errors and returns the message.</summary>
    public static async Task<string> RefusedAsync(HttpResponseMessage response, int statusCode, string status) =>
        Refused(JsonSerializer.Deserialize<JsonElement>(await TextOfAsync(response, statusCode)), status);

    public static async Task<IReadOnlyList<(string Field, string Message)>> InvalidAsync(HttpResponseMessage response)
    {
        var body = JsonSerializer.Deserialize<JsonElement>(await TextOfAsync(response, 400));
        var message = Refused(body, "validation_error");
        var errors = body.GetProperty("errors")
            .EnumerateArray()
            .Select(error => (error.GetProperty("field").GetString()!, error.GetProperty("message").GetString()!))
            .ToList();
        Assert.Equal(message, errors[0].Item2);
        return errors;
    }

    public static string Refused(JsonElement body, string status)
    {
        Assert.Equal(status, body.GetProperty("status").GetString());
        Assert.Equal(status is "validation_error" ? ValidationErrorFields : ErrorFields, Names(body));
        Assert.True(body.GetProperty("timestamp").GetInt64() > 1_700_000_000_000);
        return body.GetProperty("message").GetString()!;
    }

    /// <summary>Asserts the security headers of an answer.</summary>
    public static void Protected(
        HttpResponseMessage response,
        string policy = "default-src 'none'; frame-ancestors 'none'"
    )
    {
        Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal("no-referrer", response.Headers.GetValues("Referrer-Policy").Single());
        Assert.Equal(policy, response.Headers.GetValues("Content-Security-Policy").Single());
        Assert.False(response.Headers.Contains("Server"));
    }

    public static string[] Names(JsonElement body) => [.. body.EnumerateObject().Select(property => property.Name)];

    public static ChargingSettings WithServer(
        this ChargingSettings settings,
        Func<ServerSettings, ServerSettings> change
    ) => settings with { Server = change(settings.Server) };

    public static ChargingSettings WithQueue(
        this ChargingSettings settings,
        int maxSize,
        double? destinationShare = null
    ) =>
        settings with
        {
            Queue = settings.Queue with
            {
                MaxSize = maxSize,
                DestinationShare = destinationShare ?? settings.Queue.DestinationShare,
            },
        };

    public static IServiceCollection AddTime(this IServiceCollection services, FakeTimeProvider time) =>
        services.AddSingleton<TimeProvider>(time);

    private static async Task<string> TextOfAsync(HttpResponseMessage response, int statusCode)
    {
        Assert.Equal(statusCode, (int)response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType?.ToString());
        Protected(response);
        return await response.Content.ReadAsStringAsync();
    }
}
