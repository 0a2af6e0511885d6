using System.Net;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Postgres;
using Npgsql;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios.Clustering;

/// <summary>
/// The database of a cluster goes away under load, and comes back here or elsewhere: 503 meanwhile, then all nodes
/// continue, and nothing is lost.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class DatabaseTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Killed_AndStartedAgain()
    {
        await using var postgres = await PostgresServer.StartNewAsync();
        await using var nodes = await ThreeNodes.StartAsync(JournalHome.On(postgres.ConnectionString));

        await GoesAwayAsync(nodes, postgres.KillAsync, postgres.StartAsync);
    }

    /// <summary>What the primary had committed is in its standby, which takes over its address.</summary>
    [Fact]
    public async Task Killed_AndItsAddressMovedToItsStandby()
    {
        await using var primary = await PostgresServer.StartNewAsync();
        await using var standby = await primary.StartStandbyAsync();
        await using var address = TcpProxy.To(PortOf(primary));
        await using var nodes = await ThreeNodes.StartAsync(
            JournalHome.On(
                new NpgsqlConnectionStringBuilder(primary.ConnectionString) { Port = address.Port }.ConnectionString
            )
        );

        await GoesAwayAsync(
            nodes,
            primary.KillAsync,
            async () =>
            {
                await standby.PromoteAsync();
                address.Redirect(PortOf(standby));
            }
        );
    }

    private static int PortOf(PostgresServer server) => new NpgsqlConnectionStringBuilder(server.ConnectionString).Port;

    private async Task GoesAwayAsync(ThreeNodes nodes, Func<Task> away, Func<Task> back)
    {
        await using var receiver = await RecordingReceiver.StartAsync();
        var load = new ClientLoad(nodes.Ports, receiver.Url("/ok"), receiver.Url("/fail-twice"))
        {
            Pace = ClientLoad.PaceOfNodes,
        };
        await load.MoreIsAcceptedAsync(40);

        await away();
        foreach (var node in nodes.Running)
            await Eventually.HoldsAsync(
                async () => await node.StatusOfAsync("/health/ready") == HttpStatusCode.ServiceUnavailable,
                "not ready"
            );
        var refused = load.Refused.Count;
        await Eventually.HoldsAsync(() => load.Refused.Count >= refused + 50, "submissions are refused");
        await back();
        foreach (var node in nodes.Running)
            await Eventually.HoldsAsync(
                async () => await node.StatusOfAsync("/health/ready") == HttpStatusCode.OK,
                "ready again"
            );
        await load.MoreIsAcceptedAsync(40);
        await load.StopAsync();

        output.WriteLine(await Promises.AreKeptAsync(nodes.Running, load, receiver));
        Assert.All(load.Refused.Values, status => Assert.Equal("journal_unavailable", status));
        Assert.Equal((0, 0), (load.InDoubt, load.Unreached));
        Assert.DoesNotContain(
            await receiver.ReceivedAsync(),
            callback => load.Refused.ContainsKey(Promises.NumberOf(callback))
        );
    }
}
