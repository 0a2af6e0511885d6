using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>
/// Receivers that answer nothing but 500, hang, or do not listen for a while: requests wait and lose no attempt.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class AwayReceiverTests : IDisposable
{
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("/away/")] // answers 500
    [InlineData("/gate/")] // hangs
    [InlineData("/ok/")] // does not listen
    public async Task ReceiverThatIsBack_HasEveryRequestDelivered(string path)
    {
        const int AtOnce = 200;
        const int OneByOne = 100;
        var port = FreePort.Next();
        await using var away = path == "/ok/" ? null : await RecordingReceiver.StartAsync(port);
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(
                ("CALLBACK_RETRY_DELAY_MILLIS", "200"),
                ("CALLBACK_TIMEOUT_MILLIS", "500"),
                ("REQUEST_MAX_AGE_MILLIS", "3600000"),
                ("CALLBACK_DESTINATION_BREAKER_RESET_TIMEOUT_MILLIS", "1000")
            ),
            _folder.Path
        );
        var url = $"http://127.0.0.1:{port}{path}";
        for (var number = 0; number < AtOnce; number++)
            await service.AcceptAsync(url + number, ScenarioFolder.AllowedToken);
        for (var number = 0; number < OneByOne; number++) // for some ten times as long as the schedule lasts
        {
            await service.AcceptAsync(url + (AtOnce + number), ScenarioFolder.AllowedToken);
            await Task.Delay(TimeSpan.FromMilliseconds(100));
        }

        await using var back = away is null ? await RecordingReceiver.StartAsync(port) : null;
        await (away ?? back)!.OpenGateAsync();

        await Promises.AllSettleAsync(service, AtOnce + OneByOne, delivered: AtOnce + OneByOne);
    }
}
