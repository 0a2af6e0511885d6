using AkkaCharging.Journal;
using AkkaCharging.Journal.Sqlite;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Scenarios.PowerCuts;

/// <summary>Cuts the power at moments of a recorded run, and opens what is left.</summary>
internal static class RecordedRun
{
    /// <summary>One in so many is also opened as the service does it, which takes longer.</summary>
    private const int StartedApart = 20;

    /// <summary>
    /// Moments for <paramref name="images"/> cuts: half of them at syncs, or one at each, and as many anywhere.
    /// </summary>
    /// <param name="from">The first event that may be cut at.</param>
    public static List<int> ChooseCuts(List<DiskEvent> events, int images, bool atEachSync, Random random, int from = 0)
    {
        var syncs = Enumerable
            .Range(from, events.Count - from)
            .Where(index => events[index] is Synced or SyncFailed)
            .ToArray();
        int[] atSyncs = atEachSync ? syncs : random.GetItems(syncs, images / 2);
        return
        [
            .. Enumerable
                .Range(0, Math.Max(images - atSyncs.Length, images / 2))
                .Select(_ => random.Next(from, events.Count + 1))
                .Concat(atSyncs)
                .Order(),
        ];
    }

    /// <summary>Cuts at <paramref name="cuts"/>, in order, and adds to <paramref name="findings"/>.</summary>
    public static async Task CutAsync(List<DiskEvent> events, List<int> cuts, Random random, Findings findings)
    {
        using var folder = new ScenarioFolder();
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
            var kept = await ReadAsync(disk.CutPower(unsynced, random), folder, findings);
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
        findings.Answers += events.OfType<Answered200>().Count();
    }

    /// <summary>Opens a journal that a power cut left.</summary>
    /// <returns>The decision of each request in it; null for one that is undecided.</returns>
    private static async Task<Dictionary<string, Decision?>> ReadAsync(
        Dictionary<string, byte[]> files,
        ScenarioFolder parent,
        Findings findings
    )
    {
        var folder = Path.Combine(parent.Path, "image");
        Directory.CreateDirectory(folder);
        foreach (var (name, content) in files)
            await File.WriteAllBytesAsync(Path.Combine(folder, name), content);
        var settings = SettingsLoader.Defaults.Journal with
        {
            Path = Path.Combine(folder, "journal.db"),
            EncryptionKeys = [Recording.Key],
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
            var rows = await audit.ReadPageAsync(new RequestQuery(), before: null, int.MaxValue);
            Assert.Empty(rows.Damaged());
            foreach (var record in rows.Readable())
                requests.Add(record.Id.ToString(), record.Decision);
        }
        catch (InvalidJournalException e) when (e.Message.Contains("is empty", StringComparison.Ordinal))
        {
            // cut before the first commit
        }

        Directory.Delete(folder, recursive: true);
        return requests;
    }
}
