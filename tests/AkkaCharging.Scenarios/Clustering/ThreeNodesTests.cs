using System.Net;

namespace AkkaCharging.Scenarios.Clustering;

/// <summary>The nodes of the other tests are kept running as a platform keeps them.</summary>
[Trait("Category", "Scenario")]
public sealed class ThreeNodesTests
{
    [Fact]
    public async Task NodesThatEndWhileAnotherIsWaitedFor_AreStartedToo()
    {
        await using var nodes = await ThreeNodes.StartAsync();
        await nodes.KillAsync(1);

        var kept = nodes.KeepRunningAsync();
        await nodes[0].Process.CrashAsync();
        await nodes[2].Process.CrashAsync();
        await kept;

        foreach (var node in nodes.Running)
            Assert.Equal(HttpStatusCode.OK, await node.StatusOfAsync("/health/ready"));
    }
}
