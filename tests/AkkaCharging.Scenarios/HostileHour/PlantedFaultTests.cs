using AkkaCharging.Testing;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>
/// A journal that is tampered with between a kill and the next start, as a service with a fault would have left it:
/// <see cref="HistoryChecker"/> finds it in what clients, receivers and operators see.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class PlantedFaultTests : IDisposable
{
    private readonly ScenarioFolder _folder = new();

    private string JournalPath => Path.Combine(_folder.Path, "journal.db");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task NothingPlanted_NothingIsFound() => Assert.Empty(await CheckAsync(plant: () => { }));

    [Fact]
    public async Task RowDropped_AndDecisionOverwritten_AreFound()
    {
        var findings = await CheckAsync(() =>
        {
            Change("DELETE FROM request WHERE seq = (SELECT max(seq) FROM request WHERE state = 'delivered')");
            Change(
                """
                UPDATE request SET decided_at = decided_at + 10000
                WHERE seq = (SELECT max(seq) FROM request WHERE state = 'delivered')
                """
            );
        });

        AssertFound(Violation.RequestLost, findings);
        AssertFound(Violation.DecisionDiffers, findings);
    }

    /// <summary>What was called back is decided once more.</summary>
    [Fact]
    public async Task DecisionForgotten_IsFound() =>
        AssertFound(
            Violation.SecondDecision,
            await CheckAsync(() =>
                Change(
                    """
                    UPDATE request SET state = 'queued', status = NULL, reason = NULL, decided_at = NULL
                    WHERE settled_at IS NULL AND status IS NOT NULL
                    """
                )
            )
        );

    /// <summary>Receivers were being called, and had not answered.</summary>
    [Fact]
    public async Task SettledBeforeTheReceiverAnswered_IsFound() =>
        AssertFound(
            Violation.DeliveryUnseen,
            await CheckAsync(() =>
                Change(
                    """
                    UPDATE request SET state = 'delivered', settled_at = decided_at
                    WHERE settled_at IS NULL AND status IS NOT NULL
                    """
                )
            )
        );

    /// <summary>Of a journal that answers before it syncs, a power cut leaves the files as they were before.</summary>
    [Fact]
    public async Task AnswersBeforeTheSync_AreFound()
    {
        string[] files = [JournalPath, JournalPath + "-wal"];

        var findings = await CheckAsync(
            plant: () =>
            {
                foreach (var file in files)
                    File.Move(file + ".synced", file, overwrite: true);
                File.Delete(JournalPath + "-shm");
            },
            beforeLastAnswers: () =>
            {
                foreach (var file in files)
                    File.Copy(file, file + ".synced");
            }
        );

        AssertFound(Violation.RequestLost, findings);
    }

    private static void AssertFound(Violation expected, IReadOnlyList<Finding> findings) =>
        Assert.Contains(findings, finding => finding.Violation == expected);

    /// <summary>Kills a service under load, starts another and checks what was seen of both.</summary>
    /// <param name="plant">Tampers with the journal in between.</param>
    /// <param name="beforeLastAnswers">Called while the service stands still, before it answers some more.</param>
    private async Task<IReadOnlyList<Finding>> CheckAsync(Action plant, Action? beforeLastAnswers = null)
    {
        await using var journal = await JournalHome.NewAsync(JournalHome.Sqlite);
        await using var receiver = await RecordingReceiver.StartAsync();
        var port = FreePort.Next();
        var settings = journal.Settings([
            .. ClientLoad.Unhurried,
            ("SERVER_PORT", $"{port}"),
            ("AUTHORIZATION_ACL_FILE", "rules.csv"),
        ]);
        _folder.Write("rules.csv", RotatedFiles.AccessListWith("active"));
        SubmissionLoad load;
        await using (var killed = await ServiceProcess.StartAsync(settings, _folder.Path))
        {
            // The receiver answers late: so at any time some are called back and not settled.
            load = new SubmissionLoad(() => [port], () => "", seed: 1, receiver.Url("/slow/200"));
            await load.MoreIsAcceptedAsync(50);
            await Eventually.HoldsAsync(async () => await receiver.CountAsync() >= 10, "some are delivered");
            killed.Process.Suspend();
            beforeLastAnswers?.Invoke();
            killed.Process.Resume();
            await load.MoreIsAcceptedAsync(20);
            await killed.Process.CrashAsync();
        }

        plant();
        var auditBefore = await AuditAsync(settings);
        await using var service = await ServiceProcess.StartAsync(settings, _folder.Path);
        await load.MoreIsAcceptedAsync(20);
        await load.StopAsync();
        await HostileRound.SettleAsync([service]);

        var audit = await AuditAsync(settings);
        var callbacks = await receiver.ReceivedAsync();
        return HistoryChecker.Check(
            new(
                Submissions: load.Submissions,
                Callbacks: callbacks,
                LookUps: load.LookUps,
                Pages: await HistoryReader.PagesAsync(
                    service,
                    apiKey: "",
                    HistoryReader.IdsOf(load.Submissions, callbacks, audit)
                ),
                Audit: audit,
                AuthorizerAnswers: null,
                Counted: new(auditBefore, ServiceCounts.Zero, await HistoryReader.CountsAsync([service], audit)),
                AttemptsMax: 4,
                KeepsRefused: false
            )
        );
    }

    private Task<IReadOnlyList<ShownRequest>> AuditAsync(Dictionary<string, string> settings) =>
        HistoryReader.AuditAsync(arguments => ServiceProcess.Launch(settings, _folder.Path, arguments));

    private void Change(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={JournalPath};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        Assert.InRange(command.ExecuteNonQuery(), 1, int.MaxValue);
    }
}
