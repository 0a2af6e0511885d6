using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Host.Tests.Admin;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests.Http;

/// <summary>What callers and operators see of a request whose row in the journal is damaged.</summary>
[Trait("Category", "Component")]
public sealed class DamagedRequestTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("akkacharging-damaged-").FullName;
    private CallbackReceiver _receiver = null!;

    private string Journal => Path.Combine(_folder, "journal.db");

    public async Task InitializeAsync() => _receiver = await CallbackReceiver.StartAsync();

    public async Task DisposeAsync()
    {
        await _receiver.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task LookUp_SaysThatTheRequestIsDamaged_AndOnlyItsCallerHearsOfIt()
    {
        await using var service = await StartAsync("alice", "bob");
        var id = await Api.AcceptedAsync(await service.Http.SendAsync(Api.Post(Api.Body(_receiver.Url), Key("alice"))));
        await Eventually.HoldsAsync(
            async () => (await Api.BodyOf(await FollowAsync(service, id, "alice"))).GetRawText().Contains("delivered"),
            "it is delivered"
        );
        Assert.True(RequestId.TryParse(id, out var request));
        SqliteRows.Damage(Journal, request, "attempts = 'canary'");

        using var own = await FollowAsync(service, id, "alice");
        using var foreign = await FollowAsync(service, id, "bob");
        using var shown = await service.Management.GetAsync($"/admin/requests/{id}");

        Assert.Equal(
            "The stored request cannot be read. The log of the service has the reason.",
            await Api.RefusedAsync(own, 500, "request_damaged")
        );
        await Api.RefusedAsync(foreign, 404, "not_found");
        Assert.Equal(
            "The stored request cannot be read. A column contains an unexpected value (FormatException).",
            await Api.RefusedAsync(shown, 500, "request_damaged")
        );
        await Eventually.HoldsAsync(
            () => Lines(id).Any(line => line.Contains("stays in the journal", StringComparison.Ordinal)),
            "the log names it"
        );
        Assert.DoesNotContain("canary", string.Concat(Lines(id)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task LookUp_WithoutKeys_SaysThatTheRequestIsDamaged()
    {
        await using var service = await StartAsync();
        var id = await service.AcceptAsync(_receiver.Url);
        await service.StateAsync(id, "delivered");
        Assert.True(RequestId.TryParse(id, out var request));
        SqliteRows.Damage(Journal, request, "state = 'canary'");

        using var answer = await service.Http.GetAsync($"{Api.Submit}/{id}");

        await Api.RefusedAsync(answer, 500, "request_damaged");
    }

    private Task<RunningService> StartAsync(params string[] keys) =>
        RunningService.StartAsync(settings =>
            settings.WithServer(server => server with { ApiKeys = [.. keys.Select(ApiKey)] }) with
            {
                Journal = settings.Journal with { Kind = JournalKind.Sqlite, Path = Journal },
            }
        );

    private static IEnumerable<string> Lines(string id) =>
        CapturedConsole.Text.Split('\n').Where(line => line.Contains(id, StringComparison.Ordinal));

    private static ApiKeySettings ApiKey(string key) =>
        new(key, Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(key))), [], RequestsPerSecond: 0);

    private static (string Name, string Value) Key(string key) => ("X-Api-Key", key);

    private static Task<HttpResponseMessage> FollowAsync(RunningService service, string id, string key)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, $"{Api.Submit}/{id}");
        request.Headers.Add(Key(key).Name, Key(key).Value);
        return service.Http.SendAsync(request);
    }
}
