using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>What one process leaves in the journal, the next one delivers.</summary>
[Trait("Category", "Scenario")]
public sealed class JournalHandoverTests : IDisposable
{
    private const int Pending = 25;
    private static readonly TimeSpan TakeOverMax = Measurement.Within(TimeSpan.FromSeconds(5));
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Sigterm_HangingReceiver_ExitsWith0AndSaysHowManyStay_AndTheNextStartDeliversThem()
    {
        await using var journal = await JournalHome.NewAsync(JournalHome.Sqlite);
        await using var receiver = await RecordingReceiver.StartAsync();
        var settings = journal.Settings(
            ("SERVER_SHUTDOWN_GRACE_MILLIS", "500"),
            ("CALLBACK_TIMEOUT_MILLIS", "600000") // none ends while they wait at the gate
        );
        string[] ids;
        await using (var service = await ServiceProcess.StartAsync(settings, _folder.Path))
        {
            ids = await SubmitAsync(service, receiver.Url("/gate"));

            Assert.Equal(0, await service.StopAsync());

            Assert.Contains(
                service.Process.Output,
                line => line.Contains($"{Pending} accepted requests remain in the journal", StringComparison.Ordinal)
            );
        }

        await receiver.OpenGateAsync();
        await using var next = await ServiceProcess.StartAsync(settings, _folder.Path);

        await AssertDeliveredAsync(next, ids);
        Assert.Equal(ids.Order(StringComparer.Ordinal), await AnsweredAsync(receiver));
        foreach (
            var line in new[] { $"Resuming {Pending} unsettled requests", $"Resumed {Pending} unsettled requests" }
        )
            await Eventually.HoldsAsync(
                () => next.Process.Output.Any(logged => logged.Contains(line, StringComparison.Ordinal)),
                line
            );
    }

    [Fact]
    public async Task Sigterm_WhileRecoveryWaitsForRoom_CountsWhatIsStillInTheJournalAlone()
    {
        await using var journal = await JournalHome.NewAsync(JournalHome.Sqlite);
        await using var receiver = await RecordingReceiver.StartAsync();
        await using (var service = await ServiceProcess.StartAsync(journal.Settings(), _folder.Path))
        {
            await SubmitAsync(service, receiver.Url("/gate"));
            await service.Process.CrashAsync();
        }

        await using var next = await ServiceProcess.StartAsync(
            journal.Settings(("QUEUE_MAX_SIZE", "10"), ("SERVER_SHUTDOWN_GRACE_MILLIS", "500")),
            _folder.Path
        );

        Assert.Equal(0, await next.StopAsync());

        Assert.Contains(
            next.Process.Output,
            line => line.Contains($"{Pending} accepted requests remain in the journal", StringComparison.Ordinal)
        );
    }

    [Theory]
    [InlineData(JournalHome.Sqlite)]
    [InlineData(JournalHome.Postgres)]
    public async Task SecondProcess_IsNotReadyAndNamesTheHolder_AndTakesOverWhenTheFirstIsKilled(string kind)
    {
        await using var journal = await JournalHome.NewAsync(kind);
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var first = await ServiceProcess.StartAsync(journal.Settings(), _folder.Path);
        await using var second = ServiceProcess.Launch(journal.Settings(), _folder.Path);
        var ids = await SubmitAsync(first, receiver.Url("/gate"));
        await Eventually.HoldsAsync(
            async () => await second.StatusOfAsync("/health/ready") is not null,
            "the second process listens"
        );

        Assert.Equal(HttpStatusCode.ServiceUnavailable, await second.StatusOfAsync("/health/ready"));
        Assert.Equal(HttpStatusCode.OK, await second.StatusOfAsync("/health/live"));
        var holder = $"process {first.Process.Id.ToString(CultureInfo.InvariantCulture)} on ";
        Assert.Contains(holder, (await second.ComponentAsync("journal")).GetRawText(), StringComparison.Ordinal);
        using (var refusal = await second.SubmitAsync(receiver.Url("/gate"), ScenarioFolder.AllowedToken))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refusal.StatusCode);
            Assert.NotNull(refusal.Headers.RetryAfter);
            Assert.Equal(
                "journal_unavailable",
                (await refusal.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("status").GetString()
            );
        }

        await first.Process.CrashAsync();
        var killed = Stopwatch.GetTimestamp();
        await Eventually.HoldsAsync(
            async () => await second.StatusOfAsync("/health/ready") == HttpStatusCode.OK,
            "the second process takes over"
        );

        Assert.InRange(Stopwatch.GetElapsedTime(killed), TimeSpan.Zero, TakeOverMax);
        await receiver.OpenGateAsync();
        await AssertDeliveredAsync(second, ids);
        Assert.Equal(
            ids.Order(StringComparer.Ordinal),
            (await AnsweredAsync(receiver)).Distinct(StringComparer.Ordinal)
        );
    }

    [Theory]
    [InlineData(JournalHome.Sqlite)]
    [InlineData(JournalHome.Postgres)]
    public async Task Sigterm_WhileItWaitsForAnotherOwner_DoesNotSayThatItDrainedAnything(string kind)
    {
        await using var journal = await JournalHome.NewAsync(kind);
        await using var first = await ServiceProcess.StartAsync(journal.Settings(), _folder.Path);
        await using var second = ServiceProcess.Launch(journal.Settings(), _folder.Path);
        await Eventually.HoldsAsync(
            async () => await second.StatusOfAsync("/health/live") == HttpStatusCode.OK,
            "the second process listens"
        );

        Assert.Equal(0, await second.StopAsync());

        Assert.Contains(
            second.Process.Output,
            line => line.Contains("Stopped before the journal was open", StringComparison.Ordinal)
        );
        Assert.DoesNotContain(second.Process.Output, line => line.Contains("Drained", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, await first.StatusOfAsync("/health/ready"));
    }

    private static async Task<string[]> SubmitAsync(ServiceProcess service, string url)
    {
        var ids = new string[Pending];
        for (var i = 0; i < Pending; i++)
            ids[i] = await service.AcceptAsync(url, ScenarioFolder.AllowedToken);
        return ids;
    }

    private static async Task AssertDeliveredAsync(ServiceProcess service, string[] ids)
    {
        foreach (var id in ids)
            await service.StateAsync(id, "delivered");
    }

    private static async Task<IEnumerable<string>> AnsweredAsync(RecordingReceiver receiver) =>
        (await receiver.ReceivedAsync())
            .Where(arrival => arrival.Answered == 204)
            .Select(arrival => arrival.WebhookId)
            .Order(StringComparer.Ordinal);
}
