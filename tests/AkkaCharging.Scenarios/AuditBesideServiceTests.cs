using AkkaCharging.Testing;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios;

/// <summary>
/// The audit command on the journal of a running service: it reads the records without disturbing the service.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class AuditBesideServiceTests(ITestOutputHelper output) : IDisposable
{
    private const int Audits = 4;
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(JournalHome.Sqlite)]
    [InlineData(JournalHome.Postgres)]
    public async Task Audit_ListsWhatWasAccepted_AndDisturbsNothing(string kind)
    {
        await using var journal = await JournalHome.NewAsync(kind);
        await using var receiver = await RecordingReceiver.StartAsync();
        var settings = journal.Settings(("AUTHORIZATION_THROTTLE_ELEMENTS", "0"));
        await using var service = await ServiceProcess.StartAsync(settings, _folder.Path);
        var load = new ClientLoad(service.Port, receiver.Url("/ok"));
        for (var audit = 0; audit < Audits; audit++)
        {
            await load.MoreIsAcceptedAsync(50);
            var accepted = load.Accepted.Select(accepted => accepted.RequestId).ToList();
            await using var command = ServiceProcess.Launch(settings, _folder.Path, ["audit", "--limit", "100000"]);

            Assert.True(await command.Process.ExitAsync() == 0, command.Process.Everything);

            var listed = command.Process.Output.Select(line => line.Split(' ')[0]).ToHashSet(StringComparer.Ordinal);
            Assert.Empty(accepted.Except(listed, StringComparer.Ordinal));
        }

        await load.StopAsync();
        output.WriteLine(await Promises.AreKeptAsync(service, load, receiver));
        Assert.Empty(load.Refused);
        Assert.Equal((0, 0), (load.InDoubt, load.Unreached));
        Assert.Equal(
            "UP",
            (await service.GetAsync("/health"))
                .GetProperty("components")
                .GetProperty("journal")
                .GetProperty("status")
                .GetString()
        );
    }
}
