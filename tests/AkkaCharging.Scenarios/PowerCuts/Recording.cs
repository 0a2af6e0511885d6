using System.Globalization;
using System.Security.Cryptography;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.PowerCuts;

/// <summary>Records what a service under load does, up to its crash.</summary>
internal static class Recording
{
    /// <summary>The key of every recorded journal.</summary>
    public static readonly string Key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    /// <summary>What ends a recording is a number of submissions.</summary>
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(30);

    /// <param name="run">The folder of the journal.</param>
    /// <param name="until">Completes when the service is to be killed.</param>
    /// <param name="faults">To inject, in the words of strace.</param>
    /// <returns>The lines of the trace.</returns>
    public static async Task<IEnumerable<string>> MakeAsync(
        ScenarioFolder run,
        string synchronous,
        Func<ServiceProcess, ClientLoad, Task> until,
        params string[] faults
    )
    {
        var trace = Path.Combine(run.Path, $"strace-{Guid.NewGuid():N}.txt");
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings([
                ("JOURNAL_KIND", JournalHome.Sqlite),
                ("JOURNAL_PATH", "journal.db"),
                ("JOURNAL_SYNCHRONOUS", synchronous),
                ("JOURNAL_ENCRYPTION_KEYS", Key),
                .. ClientLoad.Unhurried,
            ]),
            run.Path,
            launcher: SystemCallTrace.Recorder(trace, faults)
        );
        var load = new ClientLoad(service.Port, receiver.Url("/ok")) { Pace = Pace };
        await until(service, load);
        await service.Process.CrashAsync();
        await load.StopAsync();
        // The tracer ends by itself, after its last line.
        var last = $"{service.Process.Id.ToString(CultureInfo.InvariantCulture)} +++ killed by SIGKILL +++";
        await Eventually.HoldsAsync(
            () =>
                string.Join(' ', EndOf(trace).Split(' ', StringSplitOptions.RemoveEmptyEntries))
                    .EndsWith(last, StringComparison.Ordinal),
            "the trace is complete"
        );
        return File.ReadLines(trace);
    }

    private static string EndOf(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.Seek(Math.Max(0, file.Length - 200), SeekOrigin.Begin);
        return new StreamReader(file).ReadToEnd().TrimEnd();
    }
}
