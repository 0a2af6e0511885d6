using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using AkkaCharging.Scenarios.PowerCuts;
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
[Trait("Category", "Scenario")]
public sealed class PowerCutTests(ITestOutputHelper output)
{
    private static readonly double Minutes = double.Parse(
        Environment.GetEnvironmentVariable("AKKACHARGING_POWERCUT_MINUTES") ?? "0",
        CultureInfo.InvariantCulture
    );

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
            // beyond a copy of the log into the database
            var events = SystemCallTrace.Read(
                await Recording.MakeAsync(
                    run,
                    synchronous,
                    (_, load) => load.MoreIsAcceptedAsync(450, Eventually.Patience * 5)
                )
            );
            var answers = events.OfType<Answered200>().Count();
            Assert.True(answers >= 450, $"{answers} answers were recorded");
            Assert.Contains(events, happened => happened is CalledBack);
            Assert.Contains(events, happened => happened is Synced { File: "journal.db" }); // the log was copied
            var random = new Random(seed);
            await RecordedRun.CutAsync(
                events,
                RecordedRun.ChooseCuts(events, images, atEachSync: Minutes > 0, random),
                random,
                findings
            );
        } while (clock.Elapsed < TimeSpan.FromMinutes(Minutes / 2)); // the other half is the other test's

        var figures =
            $"| {synchronous} | {findings.Runs} | {findings.Images} | {findings.Unsynced} | {findings.Started} "
            + $"| {findings.Answers} | {findings.LostRequests} | {findings.LostDecisions} |";
        output.WriteLine(figures);
        if (Environment.GetEnvironmentVariable("AKKACHARGING_RESULTS") is { } results)
            await File.AppendAllTextAsync(results, figures + "\n");
        return findings;
    }
}
