using System.Globalization;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Tls;

namespace AkkaCharging.Scenarios;

/// <summary>
/// The service process, and a receiver whose certificate says where its issuer is to be had: the service never connects
/// there, and the delivery ends like any other.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class NothingFetchedTests : IDisposable
{
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task ReceiverWithoutItsIssuer_IsANetworkError_AndNothingIsFetched()
    {
        await using var trap = new FetchTrap();
        using var certificate = new LeadingCertificate(trap);
        await using var receiver = certificate.Receiver(isComplete: false);
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(("CALLBACK_SECURITY_HTTPS_ONLY", "true"), ("CALLBACK_MAX_RETRIES", "0")),
            _folder.Path
        );

        var id = await service.AcceptAsync(
            string.Create(CultureInfo.InvariantCulture, $"https://127.0.0.1:{receiver.Port}/hook"),
            ScenarioFolder.AllowedToken
        );
        var page = await service.StateAsync(id, "failed");

        Assert.Equal(
            ["network_error"],
            page.GetProperty("attempts").EnumerateArray().Select(attempt => attempt.GetProperty("outcome").GetString())
        );
        Assert.Equal(0, await trap.ConnectionsAsync());
    }
}
