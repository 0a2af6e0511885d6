using System.Net;
using System.Security.Cryptography;
using AkkaCharging.Scenarios.PowerCuts;
using AkkaCharging.Testing;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios.DiskFaults;

/// <summary>
/// Power cuts after syncs that have failed: what they were to keep is lost for good unless it is written again, and
/// each journal that is left holds every request that was answered 200 and every decision that was called back.
/// </summary>
/// <remarks>strace counts the syncs of each thread by itself.</remarks>
[Trait("Category", "Scenario")]
public sealed class FailedSyncTests(ITestOutputHelper output)
{
    private const string FailingSync = "fsync,fdatasync:error=EIO";
    private readonly int _seed = RandomNumberGenerator.GetInt32(int.MaxValue);

    [Theory]
    [InlineData("once", 1)]
    [InlineData("for a while", 4)]
    public Task SyncsOfTheLogFail(string howOften, int most) =>
        CutAsync(
            $"syncs of the log fail {howOften}, then power cuts",
            async (run, random) =>
            {
                var first = random.Next(50, 120);
                return await Recording.MakeAsync(
                    run,
                    "full",
                    async (_, load) =>
                    {
                        await Eventually.HoldsAsync(() => !load.Refused.IsEmpty, "submissions are refused");
                        await load.MoreIsAcceptedAsync(200, Eventually.Patience * 5);
                    },
                    $"{FailingSync}:when={first}..{first + random.Next(most / 2, most)}"
                );
            }
        );

    [Fact]
    public Task SyncsOfTheLogFailUntilARestart() =>
        CutAsync(
            "syncs of the log fail until a restart, then power cuts",
            async (run, random) =>
            {
                var before = await Recording.MakeAsync(
                    run,
                    "full",
                    async (service, load) =>
                    {
                        await Eventually.HoldsAsync(() => !load.Refused.IsEmpty, "submissions are refused");
                        await Eventually.HoldsAsync(
                            async () => await service.StatusOfAsync("/health") == HttpStatusCode.ServiceUnavailable,
                            "health tells"
                        );
                    },
                    $"{FailingSync}:when={random.Next(50, 120)}+"
                );
                var after = await Recording.MakeAsync(
                    run,
                    "full",
                    (_, load) => load.MoreIsAcceptedAsync(200, Eventually.Patience * 5)
                );
                return before.Concat(after);
            }
        );

    /// <remarks>The first syncs of the writer fail as well: the service starts when they succeed.</remarks>
    [Fact]
    public Task CopiesOfTheLogFail() =>
        CutAsync(
            "copies of the log into the database fail, then power cuts",
            async (run, random) =>
            {
                var first = random.Next(2, 5);
                return await Recording.MakeAsync(
                    run,
                    "full",
                    (_, load) => load.MoreIsAcceptedAsync(1_500, Eventually.Patience * 5),
                    $"{FailingSync}:when={first}..{first + random.Next(1, 4)}"
                );
            }
        );

    private Task CutAsync(string fault, Func<ScenarioFolder, Random, Task<IEnumerable<string>>> record)
    {
        output.WriteLine($"seed {_seed}");
        var random = new Random(_seed);
        return Campaign.RunAsync(
            output,
            fault,
            async () =>
            {
                using var run = new ScenarioFolder();
                var events = SystemCallTrace.Read(await record(run, random));
                var failed = events.FindIndex(happened => happened is SyncFailed);
                Assert.True(failed >= 0, "no sync has failed");
                var findings = new Findings();
                await RecordedRun.CutAsync(
                    events,
                    RecordedRun.ChooseCuts(events, Campaign.IsLong ? 400 : 60, Campaign.IsLong, random, from: failed),
                    random,
                    findings
                );
                return (findings.Answers, 0, findings);
            }
        );
    }
}
