using System.Diagnostics;
using System.Net;
using AkkaCharging.Testing;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios.Clustering;

/// <summary>
/// Nodes die, leave and come back while clients submit to all of them: every 200 is kept, and decided once.
/// </summary>
/// <remarks>
/// How long clients and receivers wait meanwhile is a measurement, which a busy neighbour spoils:
/// <c>bench/failover.sh</c> runs these tests on a quiet machine and asserts the bounds of the figures, after a warm-up
/// that the promises themselves do not need.
/// </remarks>
[Trait("Category", "Scenario")]
public sealed class FailoverTests(ITestOutputHelper output)
{
    private const string Held = "/gate";
    private const string HandedOver = "Handed over lane";
    private const string Taken = "was taken by another node";

    /// <summary>
    /// Submissions before the fault. Three runtimes that share two processors compile until about 15,000, and as long
    /// as they do, p99 is theirs: 34 to 134 ms after 2,000, 13 ms after 15,000.
    /// </summary>
    private static readonly int WarmUp = Measurement.IsOn ? 15_000 : 60;

    /// <summary>
    /// Submissions before the first restart. Three runtimes that compile at once on two processors call the first ones
    /// back 1.6 to 2.8 s after their 200, with no restart near; the slowest of all restarts takes 0.9 s.
    /// </summary>
    private static readonly int ColdSubmissions = Measurement.IsOn ? 2_000 : 60;

    /// <summary>Submissions before and after each change of the cluster.</summary>
    private static readonly int Enough = Measurement.IsOn ? 300 : 40;

    private static readonly TimeSpan WarmUpBound = TimeSpan.FromMinutes(3);

    private static readonly TimeSpan TakeOverBound = Measurement.Within(TimeSpan.FromSeconds(15));
    private static readonly TimeSpan HandOverBound = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan AcceptBound = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Where the machine is so slow that the same clients waited longer than that just before the fault: 200 to 280 ms
    /// on two processors that other machines share.
    /// </summary>
    private const double SlowdownMax = 1.5;

    /// <summary>The first is the oldest and the coordinator's, the last the youngest.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task NodeKilledUnderLoad_TheOthersTakeUpItsWork_AndGoOn(int killed)
    {
        await using var receiver = await ReceiverProcess.StartAsync();
        await using var gated = await ReceiverProcess.StartAsync();
        await using var nodes = await ThreeNodes.StartAsync();
        var load = new ClientLoad(nodes.Ports, receiver.Url("/ok"), receiver.Url("/fail-twice"))
        {
            Pace = ClientLoad.PaceOfNodes,
        };
        await load.MoreIsAcceptedAsync(WarmUp, WarmUpBound);

        // Accepted by the node that dies, and waiting in it: its receiver answers only when the node is gone.
        var held = new List<string>();
        for (var i = 0; i < 20; i++)
            held.Add(
                await nodes[killed].AcceptAsync(gated.Url($"{Held}/{1_000_000 + i}"), ScenarioFolder.AllowedToken)
            );
        var diedAt = Stopwatch.GetTimestamp();
        await nodes.KillAsync(killed);
        await gated.OpenGateAsync();

        foreach (var id in held) // one after the other, so that asking is no load
            await nodes.Running[0].StateAsync(id, "delivered", TakeOverBound);
        var tookOver = Stopwatch.GetElapsedTime(diedAt);
        await load.MoreIsAcceptedAsync(Enough);
        var endedAt = Stopwatch.GetTimestamp();
        await nodes.StartAsync(killed);
        await load.MoreIsAcceptedAsync(Enough);
        await load.StopAsync();

        var ofOthers = load.Answers.Where(answer => answer.Port != nodes.Ports[killed]).OrderBy(answer => answer.At);
        var answers = ofOthers.Where(answer => answer.At > diedAt && answer.At < endedAt).ToList();
        var p99 = P99(answers);
        var p99Before = P99(ofOthers.Where(answer => answer.At < diedAt).TakeLast(answers.Count));
        output.WriteLine(
            $"node {killed} killed: its work was done elsewhere after {tookOver.TotalSeconds:N1} s; accept p99 "
                + $"of the others {p99.TotalMilliseconds:N1} ms of {answers.Count}, "
                + $"{p99Before.TotalMilliseconds:N1} ms of as many before"
        );
        output.WriteLine(await Promises.AreKeptAsync(nodes.Running, load, receiver));
        Assert.InRange(tookOver, TimeSpan.Zero, TakeOverBound);
        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        var bound = p99Before * SlowdownMax;
        if (Measurement.IsOn)
            Assert.InRange(p99, TimeSpan.Zero, bound > AcceptBound ? bound : AcceptBound);
    }

    private static TimeSpan P99(IEnumerable<Answered> answers) =>
        answers.Select(answer => answer.Took).Order().ToList() is { Count: var count } sorted
            ? sorted[(int)(count * 0.99)]
            : throw new InvalidOperationException("There are no answers.");

    [Fact]
    public async Task RollingRestartUnderLoad_LosesNothing_HandsEachLaneOver_AndShowsClientsNothingBut200And503()
    {
        await using var receiver = await ReceiverProcess.StartAsync();
        await using var nodes = await ThreeNodes.StartAsync(("SERVER_SHUTDOWN_DELAY_MILLIS", "1000"));
        await using var balancer = new Balancer(nodes.Ports);
        var load = new ClientLoad(() => balancer.Ready, receiver.Url("/ok")) { Pace = ClientLoad.PaceOfNodes };
        await load.MoreIsAcceptedAsync(ColdSubmissions);
        var warmAt = Stopwatch.GetTimestamp();
        var handedOver = 0;
        for (var number = 0; number < ThreeNodes.Count; number++)
        {
            await load.MoreIsAcceptedAsync(Enough);
            var lines = await nodes.StopAsync(number);
            Assert.DoesNotContain(lines, line => line.Contains(Taken, StringComparison.Ordinal));
            handedOver += lines.Count(line => line.Contains(HandedOver, StringComparison.Ordinal));
            await load.MoreIsAcceptedAsync(Enough);
            await nodes.StartAsync(number);
        }

        await load.MoreIsAcceptedAsync(Enough);
        await load.StopAsync();

        output.WriteLine(await Promises.AreKeptAsync(nodes.Running, load, receiver));
        var arrivedAt = (await receiver.ReceivedAsync())
            .GroupBy(Promises.NumberOf)
            .ToDictionary(group => group.Key, group => group.Min(arrival => arrival.Ticks));
        var slowest = load
            .AcceptedAt.Where(accepted => accepted.Value > warmAt)
            .Max(accepted => Stopwatch.GetElapsedTime(accepted.Value, arrivedAt[accepted.Key]));
        output.WriteLine($"the slowest callback of the restarts came {slowest.TotalSeconds:N2} s after its 200");
        if (Measurement.IsOn)
            Assert.InRange(slowest, TimeSpan.MinValue, HandOverBound);

        // Each lane of a node that leaves is handed over; none is taken from it.
        Assert.InRange(handedOver, ThreeNodes.Lanes, int.MaxValue);
        Assert.All(
            nodes.Running,
            node => Assert.DoesNotContain(node.Process.Output, line => line.Contains(Taken, StringComparison.Ordinal))
        );
        Assert.Equal((0, 0), (load.InDoubt, load.Unreached));
        Assert.All(
            load.Refused.Values,
            status => Assert.Contains(status, (string[])["shutting_down", "journal_unavailable"])
        );
    }
}
