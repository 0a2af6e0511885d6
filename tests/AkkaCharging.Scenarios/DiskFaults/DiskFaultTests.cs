using System.Diagnostics;
using System.Globalization;
using System.Net;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Scenarios.PowerCuts;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios.DiskFaults;

/// <summary>
/// A disk that fails under a service with SQLite's journal: nothing is accepted meanwhile, health tells, and all that
/// was accepted is decided once and called back after the fault.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class DiskFaultTests(ITestOutputHelper output) : IDisposable
{
    private const string Database = "journal.db";
    private const string Log = "journal.db-wal";
    private const string FailingSync = "fsync,fdatasync:error=EIO";

    /// <summary>
    /// A fault of the database is met by a checkpoint: a thousand writes, for which a traced service on a busy machine
    /// takes more than a minute.
    /// </summary>
    private static readonly TimeSpan UntilACheckpoint = TimeSpan.FromMinutes(5);
    private ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("syncs of the log fail", FailingSync, Log)]
    [InlineData("syncs of the database fail", FailingSync, Database)]
    [InlineData("writes to the log fail", "pwrite64:error=EIO", Log)]
    [InlineData("the disk is full for the log", "pwrite64:error=ENOSPC", Log)]
    [InlineData("the disk is full for the database", "pwrite64:error=ENOSPC", Database)]
    [InlineData("reads and syncs fail", "pread64,fsync,fdatasync:error=EIO", Database, Log)]
    public Task ForAWhile_NothingIsAcceptedMeanwhile_AndTheServiceRecovers(
        string what,
        string fault,
        params string[] files
    ) =>
        Campaign.RunAsync(
            output,
            $"{what}, for a while",
            () =>
                RunAsync(
                    async (service, load) =>
                    {
                        await using var faults = await InjectedFaults.BeginAsync(service, PathsOf(files), fault);
                        await AssertDownAsync(service, load);
                        // A look-up that fails closes its connection.
                        await service.StatusOfAsync($"{ServiceProcess.SubmitPath}/{load.Accepted.First().RequestId}");
                        await faults.EndAsync();
                    }
                )
        );

    [Fact]
    public Task OneSyncFails_TheServiceGoesOn() =>
        Campaign.RunAsync(
            output,
            "one sync of the log fails",
            () =>
                RunAsync(
                    async (service, load) =>
                    {
                        await using var faults = await InjectedFaults.BeginAsync(
                            service,
                            PathsOf(Log),
                            $"{FailingSync}:when=1" // of each thread: the writer's next one
                        );
                        await faults.AreHitAsync(Log);
                        await Eventually.HoldsAsync(() => !load.Refused.IsEmpty, "its callers are told");
                        await faults.EndAsync();
                    }
                )
        );

    /// <remarks>
    /// An injected call is not made. To claim a part of its bytes as written would lose them, which is corruption that
    /// no program survives. A limit of the files' length is honest: the system writes the part before it.
    /// </remarks>
    [Fact]
    public Task WritesAreCutShort_NothingIsAcceptedMeanwhile_AndTheServiceRecovers() =>
        Campaign.RunAsync(
            output,
            "writes to the log are cut short",
            () =>
                RunAsync(
                    async (service, load) =>
                    {
                        // in the middle of a page, and further than the log has grown when it is in force
                        service.Process.Suspend();
                        var limit = 32 + ((24 + 4_096) * (new FileInfo(PathOf(Log)).Length / 4_120 + 100)) + 2_000;
                        Limit($"{limit}");
                        service.Process.Resume();
                        await AssertDownAsync(service, load);
                        Assert.Equal(limit, new FileInfo(PathOf(Log)).Length);
                        Limit("unlimited");

                        void Limit(string length) =>
                            Run("prlimit", "--pid", $"{service.Process.Id}", $"--fsize={length}:");
                    },
                    launcher: ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"] // the error, not the signal
                )
        );

    /// <remarks>SQLite syncs the folder after it has made its log, and ignores that this fails.</remarks>
    [Fact]
    public async Task FolderCannotBeSynced_NothingIsAccepted()
    {
        await using var service = ServiceProcess.Launch(
            Settings(),
            _folder.Path,
            launcher: ["strace", "-D", "-f", "-o", "/dev/null", "-P", _folder.Path, "-e", "inject=fsync:error=EIO"]
        );
        await Eventually.HoldsAsync(
            () =>
                service.Process.HasExited
                || service.Process.Output.Any(line =>
                    line.Contains("The operators' API listens on", StringComparison.Ordinal)
                ),
            "it listens"
        );

        Assert.Matches(
            "DOWN.*its folder cannot be synced",
            (await service.ComponentAsync("journal")).GetRawText().ReplaceLineEndings("")
        );
        using var refused = await service.SubmitAsync("http://127.0.0.1:9/", ScenarioFolder.AllowedToken);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
    }

    /// <remarks>Longer than a submission waits, and than a batch takes before health reports it.</remarks>
    [Fact]
    public Task SyncsTakeSeconds_HealthTells_AndCallersAreNotKeptWaiting() =>
        Campaign.RunAsync(
            output,
            "each sync of the log takes 7 s",
            () =>
                RunAsync(
                    async (service, load) =>
                    {
                        await using var faults = await InjectedFaults.BeginAsync(
                            service,
                            PathsOf(Log),
                            "fsync,fdatasync:delay_enter=7s"
                        );
                        await IsNotReadyAsync(service);
                        Assert.Equal(HttpStatusCode.OK, await service.StatusOfAsync("/health/live"));
                        await Eventually.HoldsAsync(() => !load.Refused.IsEmpty, "submissions are refused");
                        await faults.EndAsync();
                    }
                )
        );

    [Theory]
    [InlineData("syncs of the log fail", FailingSync, Log)]
    [InlineData("all writes and syncs fail", "pwrite64,fsync,fdatasync:error=EIO")]
    public Task UntilTheServiceIsKilled_TheNextOneDeliversAll(string what, string fault, params string[] files) =>
        Campaign.RunAsync(
            output,
            $"{what}, until a restart",
            async () =>
            {
                NewFolder();
                await using var receiver = await RecordingReceiver.StartAsync();
                var settings = Settings(("SERVER_PORT", FreePort.Next().ToString(CultureInfo.InvariantCulture)));
                ClientLoad load;
                await using (var service = await ServiceProcess.StartAsync(settings, _folder.Path))
                {
                    load = new ClientLoad(service.Port, receiver.Url("/ok"), receiver.Url("/fail-twice"));
                    await load.MoreIsAcceptedAsync(100);
                    await using var faults = await InjectedFaults.BeginAsync(service, PathsOf(files), fault);
                    await AssertDownAsync(service, load);
                    await service.Process.CrashAsync();
                }

                await using var next = await ServiceProcess.StartAsync(settings, _folder.Path);
                await load.MoreIsAcceptedAsync(100);
                await load.StopAsync();
                output.WriteLine(await Promises.AreKeptAsync(next, load, receiver));
                return (load.Accepted.Count, load.Refused.Count, null);
            }
        );

    private async Task<(int, int, Findings?)> RunAsync(
        Func<ServiceProcess, ClientLoad, Task> fail,
        IReadOnlyList<string>? launcher = null
    )
    {
        NewFolder();
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(Settings(), _folder.Path, launcher: launcher);
        var load = new ClientLoad(service.Port, receiver.Url("/ok"), receiver.Url("/fail-twice"));
        await load.MoreIsAcceptedAsync(100);

        await fail(service, load);

        output.WriteLine(await Promises.AreKeptAfterOutageAsync(service, load, receiver));
        await using var audit = SqliteAudit.Open(SettingsLoader.Defaults.Journal with { Path = PathOf(Database) });
        Assert.Equal(
            load.Accepted.Count, // none that was refused
            (await audit.ReadPageAsync(new(), before: null, int.MaxValue)).Count
        );
        return (load.Accepted.Count, load.Refused.Count, null);
    }

    private static async Task AssertDownAsync(ServiceProcess service, ClientLoad load)
    {
        await IsNotReadyAsync(service);
        Assert.Equal(
            "DOWN",
            (await service.GetAsync("/health"))
                .GetProperty("components")
                .GetProperty("journal")
                .GetProperty("status")
                .GetString()
        );
        var (accepted, refused) = (load.Accepted.Count, load.Refused.Count);
        await Eventually.HoldsAsync(() => load.Refused.Count >= refused + 50, "submissions are refused");
        Assert.InRange(load.Accepted.Count, accepted, accepted + 8); // answers that were on their way to the clients
        Assert.Equal(HttpStatusCode.OK, await service.StatusOfAsync("/health/live"));
    }

    private static Task IsNotReadyAsync(ServiceProcess service) =>
        Eventually.HoldsAsync(
            async () => await service.StatusOfAsync("/health/ready") == HttpStatusCode.ServiceUnavailable,
            "not ready",
            UntilACheckpoint
        );

    private string PathOf(string file) => Path.Combine(_folder.Path, file);

    private string[] PathsOf(params string[] files) => [.. files.Select(PathOf)];

    private static Dictionary<string, string> Settings(params ReadOnlySpan<(string Name, string Value)> more) =>
        ScenarioFolder.Settings([
            ("JOURNAL_KIND", JournalHome.Sqlite),
            ("JOURNAL_PATH", "journal.db"),
            .. ClientLoad.Unhurried,
            .. more,
        ]);

    private void NewFolder()
    {
        _folder.Dispose();
        _folder = new();
    }

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardError = true, UseShellExecute = false }
        )!;
        var problem = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, problem);
    }
}
