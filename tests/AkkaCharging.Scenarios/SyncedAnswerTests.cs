using System.Globalization;
using System.Text.RegularExpressions;
using AkkaCharging.Settings;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>
/// The order of the service's system calls: a request arrives, SQLite's log is synced, then the answer leaves.
/// </summary>
[Trait("Category", "Scenario")]
public sealed partial class SyncedAnswerTests : IDisposable
{
    private const int Requests = 5;
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Answer_LeavesAfterTheLogWasSynced()
    {
        await using var journal = await JournalHome.NewAsync(JournalHome.Sqlite);
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(journal.Settings(), _folder.Path);
        await using var tracer = await AttachAsync(service.Process.Id);
        if (tracer is null)
        {
            // System calls cannot be traced here, so the test only checks SQLite's settings.
            Assert.Equal("full", SettingsLoader.Defaults.Journal.Synchronous);
            return;
        }

        for (var i = 0; i < Requests; i++)
        {
            var id = await service.AcceptAsync(
                receiver.Url("/ok"),
                ScenarioFolder.AllowedToken,
                $"123e4567-e89b-12d3-a456-42661417400{i}"
            );

            // Settled before the next one comes: so no sync but its own comes between a request and its answer.
            await service.StateAsync(id, "delivered");
        }

        await service.Process.CrashAsync();
        await tracer.ExitAsync();

        AssertSyncedBeforeEachAnswer(await File.ReadAllLinesAsync(TraceFile));
    }

    private string TraceFile => Path.Combine(_folder.Path, "strace.txt");

    /// <summary>
    /// A tracer that ends with the process it looks at; null where the user is not root, and there is none or it may
    /// not look.
    /// </summary>
    private async Task<ChildProcess?> AttachAsync(int process)
    {
        var strace = (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator)
            .Append("/usr/bin")
            .Select(folder => Path.Combine(folder, "strace"))
            .FirstOrDefault(File.Exists);
        if (strace is null)
        {
            Assert.False(
                Environment.IsPrivilegedProcess,
                "strace is not on the PATH. Install it (Debian: apt-get install strace)."
            );
            return null;
        }

        var tracer = ChildProcess.StartProgram(
            [
                strace,
                "-f",
                "-y",
                "-s",
                "96",
                "-e",
                "trace=fdatasync,fsync,read,recvfrom,recvmsg,write,writev,sendto,sendmsg",
                "-o",
                TraceFile,
                "-p",
                process.ToString(CultureInfo.InvariantCulture),
            ],
            _folder.Path
        );
        try
        {
            await Eventually.HoldsAsync(
                () =>
                    tracer.HasExited || tracer.Error.Any(line => line.Contains(" attached", StringComparison.Ordinal)),
                "strace looks at the service"
            );
            if (!tracer.HasExited)
                return tracer;

            await tracer.ExitAsync(); // its last line says why
            Assert.False(Environment.IsPrivilegedProcess, $"strace may not look at the service: {tracer.Everything}");
        }
        catch
        {
            await tracer.DisposeAsync();
            throw;
        }

        await tracer.DisposeAsync();
        return null;
    }

    private static void AssertSyncedBeforeEachAnswer(string[] trace)
    {
        var answers = 0;
        bool? isSynced = null; // null: no request waits for its answer
        // threads that began to sync after the request had arrived
        var syncing = new HashSet<string>(StringComparer.Ordinal);
        foreach (var line in trace)
        {
            var thread = line[..line.IndexOf(' ')];
            if (Arrival().IsMatch(line))
            {
                isSynced = false;
                syncing.Clear();
            }
            else if (SyncBegin().IsMatch(line))
            {
                if (line.EndsWith("= 0", StringComparison.Ordinal))
                    isSynced = isSynced is null ? null : true;
                else
                    syncing.Add(thread);
            }
            else if (SyncEnd().IsMatch(line) && syncing.Remove(thread))
            {
                isSynced = isSynced is null ? null : true;
            }
            else if (isSynced is { } synced && Answer().IsMatch(line))
            {
                Assert.True(synced, $"an answer left before the log was synced: {line}");
                answers++;
                isSynced = null;
            }
        }

        Assert.True(answers == Requests, string.Join('\n', trace.TakeLast(60)));
    }

    [GeneratedRegex(@"(read|recvfrom|recvmsg).*POST /api/v1/charging-session")]
    private static partial Regex Arrival();

    [GeneratedRegex(@" (fdatasync|fsync)\(\d+<[^>]*journal\.db-wal>")]
    private static partial Regex SyncBegin();

    [GeneratedRegex(@"<\.\.\. (fdatasync|fsync) resumed>.*= 0$")]
    private static partial Regex SyncEnd();

    [GeneratedRegex(@" (write|writev|sendto|sendmsg)\(.*HTTP/1\.1 200 OK")]
    private static partial Regex Answer();
}
