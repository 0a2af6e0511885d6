using System.Net;
using AkkaCharging.Testing;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios.DiskFaults;

/// <summary>
/// A service that gets no more files for a while: it survives, health answers afterwards, and all that was accepted is
/// called back.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class OutOfFilesTests(ITestOutputHelper output) : IDisposable
{
    private ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public Task NoConnectionIsAccepted_CallersWait() =>
        RunAsync(
            "accept4",
            ["accept4:error=EMFILE"],
            async (service, faults, _) =>
            {
                using var caller = new HttpClient();
                var answer = caller.GetAsync($"http://127.0.0.1:{service.Port}/health/live");
                await faults.AreHitAsync("accept4");
                Assert.False(answer.IsCompleted);
                await faults.EndAsync();
                using var answered = await answer;
                Assert.Equal(HttpStatusCode.OK, answered.StatusCode);
            }
        );

    [Fact]
    public Task NoConnectionIsMade_CallbacksAreRetried() =>
        RunAsync(
            "socket",
            ["socket:error=EMFILE"],
            async (service, faults, load) =>
            {
                await load.Value.MoreIsAcceptedAsync(50);
                await faults.AreHitAsync("socket");
                Assert.Equal(
                    0,
                    (await service.GetAsync("/metrics"))
                        .GetProperty("deliveries_total")
                        .GetProperty("delivered")
                        .GetInt32()
                );
                await faults.EndAsync();
            },
            isIdleBefore: true
        );

    /// <remarks>Also the journal is closed, by one failed sync, and cannot be opened.</remarks>
    [Fact]
    public Task NoFileIsOpened_TheJournalIsDown_AndComesBack() =>
        RunAsync(
            "openat",
            ["openat:error=EMFILE", "fsync,fdatasync:error=EIO:when=1"],
            async (service, faults, load) =>
            {
                await Eventually.HoldsAsync(() => !load.Value.Refused.IsEmpty, "submissions are refused");
                await faults.AreHitAsync("journal.db");
                await Eventually.HoldsAsync(
                    async () => await service.StatusOfAsync("/health/ready") == HttpStatusCode.ServiceUnavailable,
                    "not ready"
                );
                Assert.Equal(HttpStatusCode.OK, await service.StatusOfAsync("/health/live"));
                await faults.EndAsync();
            }
        );

    private Task RunAsync(
        string call,
        string[] faults,
        Func<ServiceProcess, InjectedFaults, Lazy<ClientLoad>, Task> fail,
        bool isIdleBefore = false
    ) =>
        Campaign.RunAsync(
            output,
            $"{call} fails: no more files",
            async () =>
            {
                _folder.Dispose();
                _folder = new();
                await using var receiver = await RecordingReceiver.StartAsync();
                await using var service = await ServiceProcess.StartAsync(
                    ScenarioFolder.Settings([
                        ("JOURNAL_KIND", JournalHome.Sqlite),
                        ("JOURNAL_PATH", "journal.db"),
                        .. ClientLoad.Unhurried,
                    ]),
                    _folder.Path
                );
                var load = new Lazy<ClientLoad>(() =>
                    new(service.Port, receiver.Url("/ok"), receiver.Url("/fail-twice"))
                );
                if (!isIdleBefore)
                    await load.Value.MoreIsAcceptedAsync(100);

                await using (var injected = await InjectedFaults.BeginAsync(service, files: [], faults))
                    await fail(service, injected, load);

                await Eventually.HoldsAsync(
                    async () => await service.StatusOfAsync("/health") == HttpStatusCode.OK,
                    "healthy again"
                );
                await load.Value.MoreIsAcceptedAsync(100);
                await load.Value.StopAsync();
                output.WriteLine(await Promises.AreKeptAsync(service, load.Value, receiver));
                return (load.Value.Accepted.Count, load.Value.Refused.Count, null);
            }
        );
}
