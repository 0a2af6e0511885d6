using AkkaCharging.Testing;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios.Clustering;

/// <summary>A cut that leaves the first seed node with the journal, and the other nodes without both.</summary>
[Trait("Category", "Scenario")]
public sealed class TwoClustersTests(ITestOutputHelper output)
{
    [Fact]
    public async Task ClusterThatTheFirstSeedFoundsMeanwhile_JoinsTheOthersAfterTheCut()
    {
        const int first = 0;
        int[] others = [1, 2];
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
        await load.MoreIsAcceptedAsync(20);

        network.Cut(first);
        foreach (var other in others)
            network.CutOut(other, journal.Port);
        await nodes.RelaunchEndedAsync(first); // the smaller part
        await nodes.ReadyAsync(first); // as a cluster of its own
        await load.MoreIsAcceptedAsync(20);
        network.Heal(first);
        foreach (var other in others)
            network.HealOut(other, journal.Port);
        await nodes.RelaunchEndedAsync(first);
        await nodes.KeepRunningAsync();
        await load.MoreIsAcceptedAsync(40);
        await load.StopAsync();

        await ThreeNodes.EachLaneIsHeldAsync(nodes.Running);
        output.WriteLine(await Promises.AreKeptAsync(nodes.Running, load, receiver));
    }
}
