using System.Diagnostics;
using System.Net;
using AkkaCharging.Testing;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios.Clustering;

/// <summary>
/// A node is cut off from the others, or is suspended for a while and then continues: it does no harm, and the other
/// nodes continue without it.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class PartitionTests(ITestOutputHelper output)
{
    private static readonly TimeSpan TakeOverBound = Measurement.Within(TimeSpan.FromSeconds(15));

    // 15 s until the node ends, and some more to notice it, and to hand its lanes over.
    private static readonly TimeSpan LostJournalBound = Measurement.Within(TimeSpan.FromSeconds(30));

    /// <summary>
    /// The node still reaches clients, receivers and the database: it is the others that it cannot see.
    /// </summary>
    [Fact]
    public async Task NodeThatIsCutOff_LosesItsLanes_EndsAndComesBack_AndNothingIsDecidedTwice()
    {
        const int cut = 0;
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var network = new NodeNetwork(ThreeNodes.Count);
        for (var number = 0; number < ThreeNodes.Count; number++)
            network.LetOut(number, new Uri(receiver.Url()).Port);
        await using var nodes = await ThreeNodes.StartAsync(network);
        var load = new ClientLoad(nodes.Ports, receiver.Url("/ok"), receiver.Url("/fail-twice"))
        {
            Pace = ClientLoad.PaceOfNodes,
        };
        await load.MoreIsAcceptedAsync(40);
        var held = await HoldAsync(nodes[cut], receiver);

        network.Cut(cut);
        await TakenUpAsync(nodes, cut, receiver, held, TakeOverBound);
        await nodes.RelaunchEndedAsync(cut);
        await Eventually.HoldsAsync(
            async () => await nodes[cut].StatusOfAsync("/health/ready") == HttpStatusCode.ServiceUnavailable,
            "the node waits for the others"
        );
        await load.MoreIsAcceptedAsync(200); // longer than it would take to found a cluster of its own
        Assert.Equal(0, await ThreeNodes.LanesOfAsync(nodes[cut]));
        network.Heal(cut);
        await nodes.ReadyAsync(cut);
        await load.MoreIsAcceptedAsync(40);
        await load.StopAsync();

        output.WriteLine(await Promises.AreKeptAsync(nodes.Running, load, receiver));
    }

    /// <summary>
    /// As a virtual machine that is moved, or a collector that takes long: it still believes that its lanes are its
    /// own.
    /// </summary>
    [Fact]
    public async Task NodeThatStoodStill_FindsItsLanesTaken_AndNothingIsDecidedTwice()
    {
        const int still = 1;
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var nodes = await ThreeNodes.StartAsync();
        var load = new ClientLoad(nodes.Ports, receiver.Url("/ok"), receiver.Url("/fail-twice"))
        {
            Pace = ClientLoad.PaceOfNodes,
        };
        await load.MoreIsAcceptedAsync(40);
        var held = await HoldAsync(nodes[still], receiver);

        nodes[still].Process.Suspend();
        await TakenUpAsync(nodes, still, receiver, held, TakeOverBound);
        nodes[still].Process.Resume();
        await nodes.RelaunchEndedAsync(still);
        await nodes.ReadyAsync(still);
        await load.MoreIsAcceptedAsync(40);
        await load.StopAsync();

        output.WriteLine(await Promises.AreKeptAsync(nodes.Running, load, receiver));
    }

    /// <summary>The node still reaches clients, receivers and the other nodes.</summary>
    [Fact]
    public async Task NodeThatAloneLosesTheDatabase_LeavesItsLanesToTheOthers_AndComesBack()
    {
        const int lost = 1;
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var network = new NodeNetwork(ThreeNodes.Count);
        for (var number = 0; number < ThreeNodes.Count; number++)
            network.LetOut(number, new Uri(receiver.Url()).Port);
        var journal = await JournalHome.NewAsync(JournalHome.Postgres);
        await using var nodes = await ThreeNodes.StartAsync(network, journal);
        var load = new ClientLoad(nodes.Ports, receiver.Url("/ok"), receiver.Url("/fail-twice"))
        {
            Pace = ClientLoad.PaceOfNodes,
        };
        await load.MoreIsAcceptedAsync(40);
        var held = await HoldAsync(nodes[lost], receiver);

        network.CutOut(lost, journal.Port);
        await TakenUpAsync(nodes, lost, receiver, held, LostJournalBound);
        await nodes.RelaunchEndedAsync(lost);
        await Eventually.HoldsAsync(
            async () => await nodes[lost].StatusOfAsync("/health/ready") == HttpStatusCode.ServiceUnavailable,
            "the node waits for the database"
        );
        await load.MoreIsAcceptedAsync(200); // longer than it would take to join
        Assert.Equal(0, await ThreeNodes.LanesOfAsync(nodes[lost]));
        network.HealOut(lost, journal.Port);
        await nodes.ReadyAsync(lost);
        await load.MoreIsAcceptedAsync(40);
        await load.StopAsync();

        output.WriteLine(await Promises.AreKeptAsync(nodes.Running, load, receiver));
    }

    /// <summary>
    /// Requests that a node has decided and cannot deliver: their receiver answers on a test's request.
    /// </summary>
    private static async Task<List<string>> HoldAsync(ServiceProcess node, RecordingReceiver receiver)
    {
        var held = new List<string>();
        for (var i = 0; i < 20; i++)
            held.Add(await node.AcceptAsync(receiver.Url($"/gate/{1_000_000 + i}"), ScenarioFolder.AllowedToken));
        return held;
    }

    /// <summary>Waits until the others have all lanes, and then for what the node held.</summary>
    private async Task TakenUpAsync(
        ThreeNodes nodes,
        int without,
        RecordingReceiver receiver,
        List<string> held,
        TimeSpan bound
    )
    {
        var sinceAt = Stopwatch.GetTimestamp();
        var others = Enumerable
            .Range(0, ThreeNodes.Count)
            .Where(number => number != without)
            .Select(number => nodes[number])
            .ToList();
        await ThreeNodes.EachLaneIsHeldAsync(others, bound);
        output.WriteLine($"taken up after {Stopwatch.GetElapsedTime(sinceAt).TotalSeconds:N1} s");
        await receiver.OpenGateAsync();
        foreach (var id in held)
            await others[0].StateAsync(id, "delivered");
    }
}
