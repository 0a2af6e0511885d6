using System.Globalization;
using System.Net;
using System.Text.Json;
using AkkaCharging.Host.Tests.Admin;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Otlp;
using Npgsql;

namespace AkkaCharging.Host.Tests.Clustering;

/// <summary>What operators see of a cluster, on its nodes and on a standalone process.</summary>
[Collection(NodesDefinition.Name)]
[Trait("Category", "Component")]
public sealed class ClusterViewTests(Nodes nodes)
{
    private const string Token = "operators-token-0001";
    private const string View = "/admin/cluster";
    private const string Taken = "akkacharging_cluster_lanes_taken_total ";

    [Fact]
    public async Task ProcessAlone_ShowsThatItIsAlone()
    {
        await using var service = await RunningService.StartAsync();

        Assert.Equal(
            """{"enabled":false,"nodes":[],"lanes":[]}""",
            (await service.Management.GetAsync(View).ReadAsync()).GetRawText()
        );
        Assert.False((await service.GetAsync("/health")).GetProperty("components").TryGetProperty("cluster", out _));
        Assert.Empty((await service.GetAsync("/metrics")).GetProperty("cluster").EnumerateObject());
        Assert.DoesNotContain("akkacharging_cluster", await ScrapeAsync(service), StringComparison.Ordinal);
        Assert.Equal(
            ["started", "journal"],
            Api.Names((await service.GetAsync("/health/ready")).GetProperty("details"))
        );
    }

    [Fact]
    public async Task NodeAlone_ShowsItselfAndItsLanes_ToOperatorsAlone()
    {
        var startedAt = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        var (node, port) = await nodes.FoundAsync(change: settings =>
            settings.WithManagement(management => management with { Token = Token })
        );
        await using (node)
        {
            var view = await node.OperateAsync("GET", View, token: $"Bearer {Token}").ReadAsync();
            var description = new ApiDescription(
                await (
                    await node.OperateAsync("GET", "/openapi/admin.json", token: $"Bearer {Token}")
                ).Content.ReadAsStringAsync()
            );

            Assert.True(view.GetProperty("enabled").GetBoolean());
            Assert.Equal(
                $$"""{"address":"127.0.0.1:{{port}}","status":"up","reachable":true,"self":true}""",
                Assert.Single(view.GetProperty("nodes").EnumerateArray()).GetRawText()
            );
            var lanes = view.GetProperty("lanes").EnumerateArray().ToList();
            Assert.Equal([0, 1, 2, 3], lanes.Select(lane => lane.GetProperty("lane").GetInt32()));
            Assert.All(
                lanes,
                lane =>
                {
                    Assert.True(lane.GetProperty("here").GetBoolean());
                    Assert.Contains(
                        $"process {Environment.ProcessId}",
                        lane.GetProperty("holder").GetString(),
                        StringComparison.Ordinal
                    );
                    Assert.InRange(
                        lane.GetProperty("takenAt").GetInt64(),
                        startedAt,
                        TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds()
                    );
                }
            );
            await description.FitsAsync(
                await node.OperateAsync("GET", View, token: $"Bearer {Token}"),
                "get",
                View,
                200
            );
            await Api.RefusedAsync(await node.OperateAsync("GET", View), 401, "unauthorized");
            await Api.RefusedAsync(await node.Http.GetAsync(View), 404, "not_found");
        }
    }

    [Fact]
    public async Task NodeThatReachesNoJournal_JoinsNobody_UntilItDoes()
    {
        var journal = await nodes.NewJournalAsync();
        var (founder, port) = await nodes.FoundAsync(journal);
        await using var first = founder;
        await using var proxy = TcpProxy.To(nodes.PostgresPort);
        proxy.Cut();
        await using var node = await nodes.LaunchAsync(
            new NpgsqlConnectionStringBuilder(journal) { Port = proxy.Port }.ConnectionString,
            FreePort.Next(),
            port
        );

        await HealthAsync(node, "DOWN", "nodes=0 unreachable=0 lanes=0 problem=not a member of the cluster");
        Assert.Equal((503, false, "this node holds no lanes"), await ReadyAsync(node));
        await HealthAsync(founder, "UP", "nodes=1 unreachable=0 lanes=4");
        proxy.Restore();

        await HealthAsync(node, "UP", "nodes=2 unreachable=0 lanes=2");
        Assert.Equal((200, true, "UP"), await ReadyAsync(node));
    }

    /// <summary>The journal tells whether a cluster exists already.</summary>
    [Fact]
    public async Task JournalThatIsAwayFromTheStart_Is503InTheView_AndNoClusterIsFoundedUntilItIsBack()
    {
        await using var proxy = TcpProxy.To(nodes.PostgresPort);
        proxy.Cut();
        var port = FreePort.Next();
        await using var node = await nodes.LaunchAsync(await nodes.NewJournalAsync(proxy.Port), port, port);

        await HealthAsync(node, "DOWN", "nodes=0 unreachable=0 lanes=0 problem=not a member of the cluster");
        Assert.Equal((503, false, "this node holds no lanes"), await ReadyAsync(node));
        await Api.RefusedAsync(await node.Management.GetAsync(View), 503, "journal_unavailable");
        proxy.Restore();

        await HealthAsync(node, "UP", "nodes=1 unreachable=0 lanes=4");
        await Eventually.HoldsAsync(async () => await ReadyAsync(node) == (200, true, "UP"), "it is ready");
        Assert.Equal(
            Nodes.Lanes,
            (await node.Management.GetAsync(View).ReadAsync()).GetProperty("lanes").GetArrayLength()
        );
    }

    [Fact]
    public async Task NodeThatWaitsForItsSeed_IsDown_UntilTheSeedIsThere_AndTakesWhatTheOtherHandsOver()
    {
        var journal = await nodes.NewJournalAsync();
        var (port, seedPort) = (FreePort.Next(), FreePort.Next());
        await using var node = await nodes.LaunchAsync(journal, port, seedPort);

        await HealthAsync(node, "DOWN", "nodes=0 unreachable=0 lanes=0 problem=not a member of the cluster");
        Assert.Equal((503, false, "this node holds no lanes"), await ReadyAsync(node));
        Assert.Empty((await node.Management.GetAsync(View).ReadAsync()).GetProperty("nodes").EnumerateArray());
        await using (var seed = await nodes.LaunchAsync(journal, seedPort, seedPort))
        {
            await Nodes.HasLanesAsync(node, 2);
            await Nodes.HasLanesAsync(seed, 2);
            await HealthAsync(node, "UP", "nodes=2 unreachable=0 lanes=2");
            Assert.Equal((200, true, "UP"), await ReadyAsync(node));
            var view = await node.Management.GetAsync(View).ReadAsync();
            Assert.Equal(
                [(seedPort, false), (port, true)],
                view.GetProperty("nodes")
                    .EnumerateArray()
                    .Select(other =>
                        (
                            int.Parse(other.GetProperty("address").GetString()!.Split(':')[1]),
                            other.GetProperty("self").GetBoolean()
                        )
                    )
                    .OrderBy(other => other.Item2)
            );
            Assert.Equal(
                2,
                view.GetProperty("lanes").EnumerateArray().Count(lane => lane.GetProperty("here").GetBoolean())
            );
        }

        await Nodes.HasLanesAsync(node, Nodes.Lanes);
        await HealthAsync(node, "UP", "nodes=1 unreachable=0 lanes=4");
        var scraped = "";
        await Eventually.HoldsAsync(
            // A lane is counted after it is here: a scrape may fall between the two. One that sharding moved away, as
            // it balanced the lanes of two nodes, and back is counted twice: OtlpMetrics_AreThoseOfPrometheus is exact.
            async () => TakenIn(scraped = await ScrapeAsync(node)) >= Nodes.Lanes,
            "its lanes are counted"
        );
        foreach (
            var series in new[]
            {
                "akkacharging_cluster_nodes{state=\"up\"} 1",
                "akkacharging_cluster_nodes{state=\"unreachable\"} 0",
                "akkacharging_cluster_lanes 4",
                "akkacharging_cluster_configured_lanes 4",
                "akkacharging_cluster_lanes_lost_total 0",
            }
        )
        {
            Assert.Contains($"\n{series}\n", scraped, StringComparison.Ordinal);
        }

        Assert.Equal(
            6,
            scraped.Split('\n').Count(line => line.StartsWith("akkacharging_cluster", StringComparison.Ordinal))
        );
    }

    [Fact]
    public async Task OtlpMetrics_AreThoseOfPrometheus()
    {
        await using var collector = await OtlpCollector.StartAsync();
        var (node, _) = await nodes.FoundAsync(
            sources: new SettingsSources(
                ConfigFile: null,
                Development: false,
                collector.Settings.ToDictionary(setting => setting.Name, setting => setting.Value),
                Path.GetTempPath(),
                Path.GetTempPath()
            )
        );
        await using (node)
        {
            await Eventually.HoldsAsync(
                () =>
                    collector.Points.Contains(new("akkacharging_cluster_lanes", "", 4))
                    // counted after the lane is here: an export may fall between the two
                    && collector.Points.Contains(new("akkacharging_cluster_lanes_taken", "", 4)),
                "its lanes are exported"
            );

            // Other services of this process have meters of the same name: none of them is a node now.
            Assert.Equal(
                (await ScrapeAsync(node))
                    .Split('\n')
                    .Where(line => line.StartsWith("akkacharging_cluster", StringComparison.Ordinal))
                    .Select(line =>
                        line.Replace("_total", "", StringComparison.Ordinal)
                            .Replace("\"", "", StringComparison.Ordinal)
                            .Replace('{', ' ')
                            .Replace("}", "", StringComparison.Ordinal)
                    )
                    .Order(StringComparer.Ordinal),
                collector
                    .Points.Where(point => point.Name.StartsWith("akkacharging_cluster", StringComparison.Ordinal))
                    .Select(point =>
                        string.Join(
                            ' ',
                            ((string[])[point.Name, point.Labels, $"{point.Value}"]).Where(part => part.Length > 0)
                        )
                    )
                    .Order(StringComparer.Ordinal)
            );
        }
    }

    /// <summary>Waits for what the component <c>cluster</c> says.</summary>
    private static async Task HealthAsync(RunningService node, string status, string details)
    {
        var seen = "";
        try
        {
            await Eventually.HoldsAsync(
                async () =>
                    (seen = Text((await node.GetAsync("/health")).GetProperty("components").GetProperty("cluster")))
                    == $"{status} {details}",
                ""
            );
        }
        catch (TimeoutException)
        {
            Assert.Equal($"{status} {details}", seen);
        }

        static string Text(JsonElement component) =>
            string.Join(
                ' ',
                component
                    .GetProperty("details")
                    .EnumerateObject()
                    .Select(detail => $"{detail.Name}={detail.Value}")
                    .Prepend(component.GetProperty("status").GetString())
            );
    }

    /// <summary>The readiness probe's answer, and what it says of the cluster.</summary>
    private static async Task<(int StatusCode, bool HasJoined, string? Lanes)> ReadyAsync(RunningService node)
    {
        using var answer = await node.Http.GetAsync("/health/ready");
        var details = (await Api.BodyOf(answer)).GetProperty("details");
        return (
            (int)answer.StatusCode,
            details
                .GetProperty("akka.cluster.join")
                .GetString()!
                .Contains("successful cluster join", StringComparison.Ordinal),
            details.GetProperty("lanes").GetString()
        );
    }

    private static int TakenIn(string scraped) =>
        int.Parse(
            Assert.Single(scraped.Split('\n'), line => line.StartsWith(Taken, StringComparison.Ordinal))[
                Taken.Length..
            ],
            CultureInfo.InvariantCulture
        );

    private static async Task<string> ScrapeAsync(RunningService service)
    {
        using var message = new HttpRequestMessage(HttpMethod.Get, "/metrics")
        {
            Headers = { { "Accept", "text/plain" } },
        };
        using var answer = await service.Http.SendAsync(message);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadAsStringAsync();
    }
}
