using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>Operators at work on a service in a process of its own, over HTTP alone.</summary>
[Trait("Category", "Scenario")]
public sealed class OperatorsTests : IDisposable
{
    private const string Letters = "/admin/dead-letters";
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task DeadLetterOfAnEarlierProcess_IsListed_Redriven_AndDeliveredUnderItsId()
    {
        await using var journal = await JournalHome.NewAsync(JournalHome.Sqlite);
        await using var receiver = await RecordingReceiver.StartAsync();
        var settings = journal.Settings(("CALLBACK_MAX_RETRIES", "1"), ("CALLBACK_RETRY_DELAY_MILLIS", "10"));
        string id;
        await using (var first = await ServiceProcess.StartAsync(settings, _folder.Path))
        {
            id = await first.AcceptAsync(receiver.Url("/fail-twice/canary-path"), ScenarioFolder.AllowedToken);
            await first.StateAsync(id, "failed");
            Assert.Equal(0, await first.StopAsync());
        }

        await using var second = await ServiceProcess.StartAsync(settings, _folder.Path);
        using var operators = new HttpClient(new SocketsHttpHandler { UseProxy = false })
        {
            BaseAddress = await second.ManagementAddressAsync(),
        };
        var listed = await operators.GetStringAsync(
            $"{Letters}?destination={new Uri(receiver.Url()).GetLeftPart(UriPartial.Authority)}"
        );

        using var redriven = await operators.PostAsync(
            $"{Letters}/{id}/redrive",
            new StringContent("", Encoding.UTF8, "application/json")
        );

        Assert.Equal(HttpStatusCode.OK, redriven.StatusCode);
        await second.StateAsync(id, "delivered");
        var arrivals = await receiver.ReceivedAsync();
        Assert.Equal([id, id, id], arrivals.Select(arrival => arrival.WebhookId));
        Assert.Equal([500, 500, 204], arrivals.Select(arrival => arrival.Answered!.Value));
        Assert.Single(arrivals.DistinctBy(arrival => (arrival.Status, arrival.Timestamp)));
        var letter = Assert.Single(JsonDocument.Parse(listed).RootElement.GetProperty("deadLetters").EnumerateArray());
        Assert.Equal((id, 2), (letter.GetProperty("requestId").GetString(), letter.GetProperty("attempts").GetInt32()));
        Assert.DoesNotContain("canary", listed, StringComparison.Ordinal);
        Assert.Empty(
            (await operators.GetFromJsonAsync<JsonElement>(Letters)).GetProperty("deadLetters").EnumerateArray()
        );
        Assert.Equal(HttpStatusCode.NotFound, await second.StatusOfAsync(Letters));
        Assert.Equal(0, await second.StopAsync());
        var record = JsonDocument
            .Parse(
                second.Process.Output.Single(line => line.Contains("\"Action\":\"redrive\"", StringComparison.Ordinal))
            )
            .RootElement;
        Assert.Equal(
            ("loopback", "127.0.0.1", id, "redriven"),
            (Field("Operator"), Field("Remote"), Field("Target"), Field("Result"))
        );

        string Field(string name) => record.GetProperty(name).GetString()!;
    }

    [Fact]
    public async Task ListenerBeyondLoopback_WithoutAToken_IsRefused()
    {
        await using var service = ServiceProcess.Launch(
            ScenarioFolder.Settings(("MANAGEMENT_HOST", "0.0.0.0")),
            _folder.Path
        );

        Assert.Equal(1, await service.Process.ExitAsync());
        Assert.Equal(
            "environment variable MANAGEMENT_HOST: management.host = '0.0.0.0' is reachable from other "
                + "machines without a token; expected management.operators, management.token or "
                + "a loopback host.",
            Assert.Single(service.Process.Error, line => line.Contains("management", StringComparison.Ordinal)).Trim()
        );
    }
}
