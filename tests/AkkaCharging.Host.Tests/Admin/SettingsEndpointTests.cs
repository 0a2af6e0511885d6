using AkkaCharging.Settings;
using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests.Admin;

[Trait("Category", "Component")]
public sealed class SettingsEndpointTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("akkacharging-settings-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task EverySetting_IsShownWithItsOrigin_SecretsAreNot()
    {
        await File.WriteAllTextAsync(
            Path.Combine(_folder, "own.conf"),
            "callback.signing.keys = "
                + "[\"whsec_Y2FuYXJ5LTQ3MTEtY2FuYXJ5LTQ3MTEtY2FuYXJ5\"]\njournal.connectionString = "
                + "\"Host=a;Password=canary-4711\"\n"
        );
        var environment = new Dictionary<string, string>
        {
            ["MANAGEMENT_TOKEN"] = "canary-4711",
            ["SERVER_ALLOW_ANONYMOUS"] = "true",
            ["QUEUE_MAX_SIZE"] = "77",
        };
        var loaded = SettingsLoader.Load(new("own.conf", Development: false, environment, _folder, _folder));
        await using var service = await RunningService.StartAsync(settings =>
            settings with
            {
                Effective = loaded.Effective,
            }
        );

        var text = await service.Management.GetStringAsync("/admin/config");
        var shown = (await service.Management.GetAsync("/admin/config").ReadAsync())
            .GetProperty("settings")
            .EnumerateArray()
            .ToDictionary(
                setting => setting.GetProperty("path").GetString()!,
                setting => setting.GetRawText(),
                StringComparer.Ordinal
            );

        Assert.Equal(loaded.Effective.Select(setting => setting.Path), shown.Keys);
        Assert.Equal(
            """{"path":"queue.maxSize","value":"77","origin":"environment variable QUEUE_MAX_SIZE"}""",
            shown["queue.maxSize"]
        );
        Assert.Equal(
            """{"path":"management.token","value":"(secret)","origin":"environment variable MANAGEMENT_TOKEN"}""",
            shown["management.token"]
        );
        Assert.Equal(
            """{"path":"callback.signing.keys","value":"[1 (secret)]","origin":"own.conf:1"}""",
            shown["callback.signing.keys"]
        );
        Assert.StartsWith(
            """{"path":"callback.jitter","value":"0.2","origin":"reference.conf:""",
            shown["callback.jitter"],
            StringComparison.Ordinal
        );
        Assert.DoesNotContain("canary", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Y2FuYXJ5", text, StringComparison.Ordinal);
    }
}
