using System.Net;
using System.Text;
using System.Text.Json;
using AkkaCharging.Pipeline;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Host.Tests.Admin;

/// <summary>What operators send.</summary>
internal static class Operators
{
    public const string Letters = "/admin/dead-letters";

    /// <summary>POSTs JSON.</summary>
    public static Task<HttpResponseMessage> ChangeAsync(this RunningService service, string path, string body = "") =>
        service.Management.PostAsync(path, Api.Json(body));

    /// <summary>Sends anything to the operators' listener.</summary>
    public static Task<HttpResponseMessage> OperateAsync(
        this RunningService service,
        string method,
        string path,
        string? host = null,
        string? token = null,
        string? contentType = null,
        string body = ""
    )
    {
        var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (host is not null)
            request.Headers.Host = host;
        if (token is not null)
            request.Headers.TryAddWithoutValidation("Authorization", token);
        if (contentType is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        }

        return service.Management.SendAsync(request);
    }

    /// <summary>Asserts the status and returns the body.</summary>
    public static async Task<JsonElement> ReadAsync(this Task<HttpResponseMessage> answering, int statusCode = 200)
    {
        using var answer = await answering;
        Assert.Equal(statusCode, (int)answer.StatusCode);
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.ToString());
        Api.Protected(answer);
        Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
        return await Api.BodyOf(answer);
    }

    /// <summary>A request that its receiver rejects permanently, and that an operator may change.</summary>
    public static async Task<string> FailAsync(this RunningService service, CallbackReceiver receiver, string path = "")
    {
        receiver.RespondWith(HttpStatusCode.Gone);
        var id = await service.AcceptAsync(receiver.Url + path);
        await service.StateAsync(id, "failed");
        Assert.True(RequestId.TryParse(id, out var request));
        await service.LeavesAsync(request);
        return id;
    }

    /// <summary>Waits until a request has left its lane, which learns of a settlement after the journal.</summary>
    public static Task LeavesAsync(this RunningService service, RequestId id)
    {
        var lanes = service.App.Services.GetRequiredService<ChargingService>().Lanes;
        return Eventually.HoldsAsync(() => !lanes.All.Any(lane => lane.Holds(id)), $"{id} has left its lane");
    }

    public static Task StateAsync(this RunningService service, string id, string state) =>
        Eventually.HoldsAsync(
            async () => (await service.GetAsync($"{Api.Submit}/{id}")).GetProperty("state").GetString() == state,
            $"{id} is {state}"
        );

    /// <summary>The destination of <paramref name="receiver"/>, as the service writes it.</summary>
    public static string Destination(this CallbackReceiver receiver) =>
        new Uri(receiver.Url).GetLeftPart(UriPartial.Authority);

    public static ChargingSettings WithManagement(
        this ChargingSettings settings,
        Func<ManagementSettings, ManagementSettings> change
    ) => settings with { Management = change(settings.Management) };
}
