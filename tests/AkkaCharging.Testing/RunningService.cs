using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AkkaCharging.Host.Composition;
using AkkaCharging.Host.Http;
using AkkaCharging.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace AkkaCharging.Testing;

/// <summary>The whole service in this process, on a free loopback port, with an access list of its own.</summary>
internal sealed class RunningService : IAsyncDisposable
{
    public const string Station = "123e4567-e89b-42d3-a456-426614174000";
    public const string AllowedToken = "allowed-driver-token-0001";
    public const string BlockedToken = "blocked-driver-token-0001";
    public const string UnknownToken = "unknown-driver-token-0001";

    private readonly string _folder;

    private RunningService(WebApplication app, string folder)
    {
        (App, _folder) = (app, folder);
        Http = new HttpClient { BaseAddress = Listener.PublicAddressOf(app) };
        Management = new HttpClient { BaseAddress = Listener.ManagementAddressOf(app) };
    }

    public WebApplication App { get; }

    public HttpClient Http { get; }

    /// <summary>Speaks to the operators' listener.</summary>
    public HttpClient Management { get; }

    /// <summary>Settings of a test: defaults, loopback, no ACL delay; <paramref name="change"/> changes them.</summary>
    /// <param name="sources">Where the settings are said to have come from.</param>
    public static async Task<RunningService> StartAsync(
        Func<ChargingSettings, ChargingSettings>? change = null,
        Action<IServiceCollection>? customize = null,
        SettingsSources? sources = null
    )
    {
        var folder = Directory.CreateTempSubdirectory("akkacharging-").FullName;
        var acl = Path.Combine(folder, "acl.csv");
        await File.WriteAllTextAsync(
            acl,
            $"token,stations,valid_from,valid_until,state\n{AllowedToken},*,,,active\n{BlockedToken},*,,,blocked\n"
        );
        var defaults = SettingsLoader.Defaults;
        var settings = defaults with
        {
            Server = defaults.Server with { Host = "127.0.0.1", Port = 0 },
            Management = defaults.Management with { Port = 0 },
            Authorization = defaults.Authorization with { Acl = new AclSettings(acl) },
            Journal = defaults.Journal with { Kind = JournalKind.Memory },
            Callback = defaults.Callback with
            {
                Security = defaults.Callback.Security with
                {
                    AllowedPorts = [],
                    Allow = [IPNetwork.Parse("127.0.0.1/32"), IPNetwork.Parse("::1/128")],
                },
            },
        };
        var app = ChargingHost.Build(change is null ? settings : change(settings), customize, sources);
        await app.OpenAsync(settings);
        return new RunningService(app, folder);
    }

    /// <summary>Submits and returns the answer as it is.</summary>
    public Task<HttpResponseMessage> SubmitAsync(
        string callbackUrl,
        string token = AllowedToken,
        string station = Station
    ) =>
        Http.PostAsJsonAsync(
            "/api/v1/charging-session",
            new
            {
                stationId = station,
                driverToken = token,
                callbackUrl,
            }
        );

    /// <summary>Submits, asserts 200 and returns the request's id.</summary>
    public async Task<string> AcceptAsync(string callbackUrl, string token = AllowedToken, string station = Station)
    {
        using var response = await SubmitAsync(callbackUrl, token, station);
        response.EnsureSuccessStatusCode();
        return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("requestId").GetString()!;
    }

    public Task<JsonElement> GetAsync(string path) => Http.GetBodyAsync(path);

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        Management.Dispose();
        await App.StopAsync();
        await App.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
