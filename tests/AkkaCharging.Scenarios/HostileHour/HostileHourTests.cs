using AkkaCharging.Scenarios.Clustering;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>
/// Faults of all parts at once, in an order that a seed decides, under load: afterwards <see cref="HistoryChecker"/>
/// finds every promise kept.
/// </summary>
/// <remarks>
/// <c>AKKACHARGING_SEED=7</c> repeats the faults of a run that printed this seed. <c>tests/campaign.sh hostile
/// minutes=60</c> has each test go on for so long, with a new journal and a new seed every two minutes.
/// </remarks>
[Trait("Category", "Scenario")]
public sealed class HostileHourTests(ITestOutputHelper output)
{
    /// <remarks>A journal in memory is lost with its process, as documented: nothing ends the process there.</remarks>
    [Theory]
    [InlineData(DisturbedJournal.Memory)]
    [InlineData(JournalHome.Sqlite)]
    [InlineData(JournalHome.Postgres)]
    public async Task OneNode_KeepsEveryPromise(string journal)
    {
        var figures = await HostileCampaign.RunAsync(
            $"one node, {journal}",
            output.WriteLine,
            (seed, figures) => DisturbAsync(journal, seed, figures)
        );

        Assert.Empty(figures.Findings);
        Assert.InRange(figures.Accepted, 100, int.MaxValue);
    }

    /// <remarks>
    /// In the campaign only, because a round with three nodes takes more than a minute.
    /// </remarks>
    [Fact]
    [Trait("Category", "Campaign")]
    public async Task ThreeNodes_KeepEveryPromise()
    {
        var figures = await HostileCampaign.RunAsync("three nodes, postgres", output.WriteLine, DisturbNodesAsync);

        Assert.Empty(figures.Findings);
        Assert.InRange(figures.Accepted, 100, int.MaxValue);
    }

    private async Task DisturbAsync(string kind, int seed, HostileFigures figures)
    {
        using var folder = new ScenarioFolder();
        await using var journal = await DisturbedJournal.NewAsync(kind, folder.Path);
        await using var round = await HostileRound.StartAsync(seed, output.WriteLine);
        using var clock = new DisturbedClock();
        await using var service = new DisturbedService(
            ScenarioFolder.Settings([.. round.Settings, .. journal.Settings, .. clock.Settings]),
            folder.Path
        );
        int[] ports = [service.Port];
        FaultSource[] around = [journal.Source, clock.Source, .. round.Sources(ports)];
        var random = new Random(seed);
        await service.StartAsync(random);
        round.Submit(ports);

        var auditBefore = (IReadOnlyList<ShownRequest>)[];
        if (journal.OutlivesItsProcess)
        {
            await round.Faults.RunAsync(
                HostileCampaign.RoundTime * 2 / 3,
                [new("service", PauseMillisMax: 1_500, [.. service.Ends, .. service.Pauses]), .. around]
            );
            await service.KillAsync();
            auditBefore = await HistoryReader.AuditAsync(service.LaunchCommand);
            await service.StartAsync(random);
        }

        // From here on one process counts everything.
        await round.Faults.RunAsync(
            HostileCampaign.RoundTime / (journal.OutlivesItsProcess ? 3 : 1),
            [new("service", PauseMillisMax: 3_000, service.Pauses), .. around]
        );
        var history = await round.EndAsync(
            [service.Current],
            () =>
                journal.OutlivesItsProcess
                    ? HistoryReader.AuditAsync(service.LaunchCommand)
                    : HistoryReader.ListAsync(service.Current),
            auditBefore,
            ServiceCounts.Zero,
            keepsRefused: journal.HasCommitsInDoubt
        );

        round.Check(history, figures, service.Kills);
    }

    private async Task DisturbNodesAsync(int seed, HostileFigures figures)
    {
        await using var database = await DisturbedJournal.NewAsync(JournalHome.Postgres, folder: "");
        await using var round = await HostileRound.StartAsync(seed, output.WriteLine);
        await using var network = new NodeNetwork(ThreeNodes.Count);
        for (var number = 0; number < ThreeNodes.Count; number++)
        {
            foreach (var port in round.CalledPorts)
                network.LetOut(number, port);
        }

        await using var nodes = await ThreeNodes.StartAsync(
            network,
            JournalHome.On(database.ConnectionString),
            round.Settings
        );
        var disturbed = new DisturbedNodes(nodes, network);
        round.Submit(nodes.Ports);

        await round.Faults.RunAsync(
            HostileCampaign.RoundTime,
            [disturbed.Source, database.Source, .. round.Sources(nodes.Ports)]
        );
        await disturbed.KeepRunningAsync();

        // From here on the same three processes count everything.
        await round.Load.PauseAsync();
        await HostileRound.SettleAsync(nodes.Running);
        var auditBefore = await HistoryReader.AuditAsync(nodes.LaunchCommand);
        var countsBefore = await HistoryReader.CountsAsync(nodes.Running);
        round.Load.Resume();
        var history = await round.EndAsync(
            nodes.Running,
            () => HistoryReader.AuditAsync(nodes.LaunchCommand),
            auditBefore,
            countsBefore,
            keepsRefused: true
        );

        round.Check(history, figures, disturbed.Kills);
    }
}
