using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Requests;
using AkkaCharging.Scenarios.PowerCuts;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios;

/// <summary>
/// Power cuts at the syncs of a recorded run and between them: each journal that one could leave opens, and holds every
/// request that was answered 200 and every decision that was called back.
/// </summary>
/// <remarks>
/// <c>tests/campaign.sh powercut minutes=5</c> runs it for longer: AKKACHARGING_POWERCUT_MINUTES is how long new runs
/// are recorded and cut, AKKACHARGING_RESULTS a file to which each test appends its figures.
/// </remarks>
[Collection(nameof(RunsAlone))]
[Trait("Category", "Scenario")]
public sealed class PowerCutTests(ITestOutputHelper output) : IDisposable
{
    /// <summary>One in so many is also opened as the service does it, which takes longer.</summary>
    private const int StartedApart = 20;

    private static readonly double Minutes = double.Parse(
        Environment.GetEnvironmentVariable("AKKACHARGING_POWERCUT_MINUTES") ?? "0",
        CultureInfo.InvariantCulture
    );
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task SynchronousFull_EveryAnsweredRequestAndEveryDecisionIsKept()
    {
        var found = await CutAsync("full", images: Minutes > 0 ? 1_000 : 100);

        Assert.Equal((0, 0), (found.LostRequests, found.LostDecisions));
    }

    [Fact]
    public async Task SynchronousNormal_AnsweredRequestsMayBeLost_AndTheJournalStillOpens()
    {
        var found = await CutAsync("normal", images: Minutes > 0 ? 100 : 20);

        Assert.True(found.LostRequests > 0, "what this setting risks was not seen");
    }

    private async Task<Findings> CutAsync(string synchronous, int images)
    {
        var findings = new Findings();
        var clock = Stopwatch.StartNew();
        do
        {
            var seed = RandomNumberGenerator.GetInt32(int.MaxValue);
            output.WriteLine($"synchronous = {synchronous}, seed {seed}");
            using var run = new ScenarioFolder();
            await CutRunAsync(await RecordAsync(run, synchronous), images, new Random(seed), findings);
        } while (clock.Elapsed < TimeSpan.FromMinutes(Minutes / 2)); // the other test takes the other half

        var figures =
            $"| {synchronous} | {findings.Runs} | {findings.Images} | {findings.Unsynced} | {findings.Started} "
            + $"| {findings.Answers} | {findings.LostRequests} | {findings.LostDecisions} |";
        output.WriteLine(figures);
        if (Environment.GetEnvironmentVariable("AKKACHARGING_RESULTS") is { } results)
            await File.AppendAllTextAsync(results, figures + "\n");
        return findings;
    }

    /// <summary>Records a service under load, beyond a copy of its log into the database, up to its crash.</summary>
    private static async Task<List<DiskEvent>> RecordAsync(ScenarioFolder run, string synchronous)
    {
        var trace = Path.Combine(run.Path, "strace.txt");
        await using var receiver = await ReceiverProcess.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings([
                ("JOURNAL_KIND", JournalHome.Sqlite),
                ("JOURNAL_PATH", "journal.db"),
                ("JOURNAL_SYNCHRONOUS", synchronous),
                ("JOURNAL_ENCRYPTION_KEYS", Key),
                .. ClientLoad.Unhurried,
            ]),
            run.Path,
            launcher: SystemCallTrace.Recorder(trace)
        );
        var load = new ClientLoad(service.Port, receiver.Url("/ok"));
        await load.MoreIsAcceptedAsync(450);
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
        return SystemCallTrace.Read(File.ReadLines(trace));
    }

    private static string EndOf(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.Seek(Math.Max(0, file.Length - 200), SeekOrigin.Begin);
        return new StreamReader(file).ReadToEnd().TrimEnd();
    }

    private async Task CutRunAsync(List<DiskEvent> events, int images, Random random, Findings findings)
    {
        var syncs = Enumerable.Range(0, events.Count).Where(index => events[index] is Synced).ToList();
        var answers = events.OfType<Answered200>().Count();
        Assert.True(answers >= 450, $"{answers} answers were recorded");
        Assert.Contains(events, happened => happened is CalledBack);
        Assert.Contains(events, happened => happened is Synced { File: "journal.db" }); // the log was copied

        // At syncs, at every one of them in a campaign, and as often anywhere.
        var atSyncs = Minutes > 0 ? syncs : [.. random.GetItems(syncs.ToArray(), images / 2)];
        var cuts = Enumerable
            .Range(0, Math.Max(images - atSyncs.Count, images / 2))
            .Select(_ => random.Next(events.Count + 1))
            .Concat(atSyncs)
            .Order()
            .ToList();
        var disk = new Disk();
        var answered = new HashSet<string>(StringComparer.Ordinal);
        var calledBack = new HashSet<string>(StringComparer.Ordinal);
        var decisions = new Dictionary<string, Decision>(StringComparer.Ordinal);
        var at = 0;
        foreach (var cut in cuts)
        {
            for (; at < cut; at++)
            {
                disk.Apply(events[at]);
                if (events[at] is Answered200 answer)
                    answered.Add(answer.RequestId);
                else if (events[at] is CalledBack callback)
                    calledBack.Add(callback.RequestId);
            }

            var unsynced = (Unsynced)random.Next(3);
            var kept = await ReadAsync(disk.CutPower(unsynced, random), findings);
            findings.Images++;
            findings.Unsynced += disk.HasUnsynced ? 1 : 0;
            findings.LostRequests += answered.Count(id => !kept.ContainsKey(id));
            findings.LostDecisions += calledBack.Count(id => kept.GetValueOrDefault(id) is null);
            foreach (var (id, decision) in kept)
            {
                if (decision is not null && !decisions.TryAdd(id, decision))
                    Assert.Equal(decisions[id], decision);
            }
        }

        findings.Runs++;
        findings.Answers += answers;
    }

    /// <summary>Opens a journal that a power cut left.</summary>
    /// <returns>The decision of each request in it; null for one that is undecided.</returns>
    private async Task<Dictionary<string, Decision?>> ReadAsync(Dictionary<string, byte[]> files, Findings findings)
    {
        var folder = Path.Combine(_folder.Path, "image");
        Directory.CreateDirectory(folder);
        foreach (var (name, content) in files)
            await File.WriteAllBytesAsync(Path.Combine(folder, name), content);
        var settings = SettingsLoader.Defaults.Journal with
        {
            Path = Path.Combine(folder, "journal.db"),
            EncryptionKeys = [Key],
            MinFreeBytes = 0,
        };
        // A cut during the very first start leaves no database, or one with a rollback journal that only a writer can
        // roll back.
        if (
            findings.Images % StartedApart == 0
            || files.ContainsKey("journal.db-journal")
            || !files.ContainsKey("journal.db")
        )
        {
            await using var journal = new SqliteJournal(settings, TimeProvider.System);
            await journal.StartAsync(CancellationToken.None);
            Assert.Null(journal.Status.Problem);
            Assert.Equal(0, journal.Status.Damaged);
            findings.Started++;
        }

        var requests = new Dictionary<string, Decision?>(StringComparer.Ordinal);
        try
        {
            await using var audit = SqliteAudit.Open(settings);
            foreach (var record in await audit.ReadPageAsync(new RequestQuery(), before: null, int.MaxValue))
                requests.Add(record.Id.ToString(), record.Decision);
        }
        catch (InvalidJournalException e) when (e.Message.Contains("is empty", StringComparison.Ordinal))
        {
            // cut before the first commit
        }

        Directory.Delete(folder, recursive: true);
        return requests;
    }

    private static readonly string Key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    private sealed class Findings
    {
        public int Runs { get; set; }

        public int Images { get; set; }

        /// <summary>Number of images with writes that were not synced.</summary>
        public int Unsynced { get; set; }

        /// <summary>Images that were also opened by the service's own journal.</summary>
        public int Started { get; set; }

        public int Answers { get; set; }

        /// <summary>Answered requests that an image lacked, over all images.</summary>
        public int LostRequests { get; set; }

        /// <summary>Decisions that were called back and that an image lacked, over all images.</summary>
        public int LostDecisions { get; set; }
    }
}
