using System.Net.Http.Json;
using System.Text.Json;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>
/// The program of samples/CustomAuthorizer, built by <c>./test.sh</c> on the packed library as a stranger would.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class CustomAuthorizerTests : IDisposable
{
    private static readonly string Sample = Path.Combine(
        Repository.Root,
        "samples/CustomAuthorizer/bin/Release/net10.0/CustomAuthorizer.dll"
    );

    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("fleet-vehicle-000013", "not_allowed", "blocked")]
    [InlineData("someone-elses-card-0001", "not_allowed", "not_in_acl")]
    public async Task Sample_Decides_AndCallsBack(string token, string status, string reason)
    {
        Assert.True(File.Exists(Sample), "./test.sh builds samples/CustomAuthorizer on the packages of ./pack.sh");
        await using var receiver = await CallbackReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(Settings("custom"), _folder.Path, executable: Sample);

        using var response = await service.Http.PostAsJsonAsync(
            ServiceProcess.SubmitPath,
            new
            {
                stationId = RunningService.Station,
                driverToken = token,
                callbackUrl = receiver.Url,
            }
        );
        var id = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("requestId").GetString();

        var page = default(JsonElement);
        await Eventually.HoldsAsync(
            async () =>
                (page = await service.Http.GetFromJsonAsync<JsonElement>($"{ServiceProcess.SubmitPath}/{id}"))
                    .GetProperty("state")
                    .GetString() == "delivered",
            "the decision is delivered"
        );
        Assert.Equal(
            (status, reason),
            (page.GetProperty("status").GetString(), page.GetProperty("reason").GetString())
        );
    }

    [Fact]
    public async Task CheckConfig_NamesTheAuthorizer()
    {
        await using var checking = ServiceProcess.Launch(Settings("custom"), _folder.Path, ["--check-config"], Sample);

        Assert.Equal(0, await checking.Process.ExitAsync());
        Assert.Contains(
            "Authorizer: FleetAuthorizer (authorization.provider = custom).",
            checking.Process.Everything,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Authorizer_ThatTheSettingsDoNotUse_IsRefused()
    {
        await using var start = ServiceProcess.Launch(Settings("acl"), _folder.Path, executable: Sample);

        Assert.Equal(1, await start.Process.ExitAsync());
        Assert.Contains(
            "authorization.provider = acl does not use this program's IAuthorizer (FleetAuthorizer); expected custom.",
            start.Process.Everything,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task CustomWithoutAnAuthorizer_IsRefused()
    {
        await using var start = ServiceProcess.Launch(Settings("custom"), _folder.Path);

        Assert.Equal(1, await start.Process.ExitAsync());
        Assert.Contains(
            "authorization.provider = custom needs a program that registers an IAuthorizer",
            start.Process.Everything,
            StringComparison.Ordinal
        );
    }

    private static Dictionary<string, string> Settings(string provider) =>
        ScenarioFolder.Settings(("AUTHORIZATION_PROVIDER", provider));
}
