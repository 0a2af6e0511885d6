using AkkaCharging.Host.Tests.Admin;
using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests.Clustering;

/// <summary>Nodes and lanes in the operators' console, in a real browser.</summary>
[Collection(NodesDefinition.Name)]
[Trait("Category", "Component")]
public sealed class ClusterConsoleTests(Nodes nodes, SharedBrowser browser) : IClassFixture<SharedBrowser>
{
    [Fact]
    public async Task NodesAndHoldersOfLanes_AreShown_AsTheyComeAndGo()
    {
        await using var proxy = TcpProxy.To(nodes.PostgresPort);
        var journal = await nodes.NewJournalAsync(proxy.Port);
        var (node, port) = await nodes.FoundAsync(journal);
        await using (node)
        {
            await using var page = await browser.Chromium.OpenAsync(new Uri(node.Management.BaseAddress!, "/console"));
            await page.LookAsync("light", 1280);
            var holder = $"process {Environment.ProcessId} on {Environment.MachineName}";

            await page.ShowsAsync("#holders tr", holder);
            Assert.Equal($"127.0.0.1:{port}\tup\tthis one", await page.TextAsync("#nodes tr"));
            Assert.Matches(
                $@"^{holder} since \S+ \(this one\)\t4\t0–3\t20\d\d-\d\d-\d\d \d\d:\d\d:\d\d$",
                await page.TextAsync("#holders tr")
            );
            var otherPort = FreePort.Next();
            await using (await nodes.LaunchAsync(journal, otherPort, port))
            {
                await page.ShowsAsync($"tr[data-key='127.0.0.1:{otherPort}']", "reachable");
                await page.ShowsAsync(
                    "document.querySelectorAll('#holders tr').length === 2 && "
                        + "[...document.querySelectorAll('#holders tr')].every(row => row.cells[1].innerText === '2')"
                );
                await ConsoleTests.ShootAsync(page, "cluster");
            }

            await page.ShowsAsync(
                "document.querySelectorAll('#nodes tr').length === 1 && document.querySelectorAll('#holders "
                    + "tr').length === 1"
            );
            proxy.Cut();
            await page.ShowsAsync("#cluster-problem", "The journal is not available.");
            await ConsoleTests.ShootAsync(page, "cluster-without-journal");
            proxy.Restore();
            await page.ShowsAsync("#holders tr", holder);
            Assert.Equal("", await page.TextAsync("#cluster-problem"));
        }
    }

    [Fact]
    public async Task NarrowWindow_NeedsNoScrollingSideways()
    {
        var (node, _) = await nodes.FoundAsync();
        await using (node)
        {
            await using var page = await browser.Chromium.OpenAsync(new Uri(node.Management.BaseAddress!, "/console"));
            await page.LookAsync("light", 360);
            await page.ShowsAsync("#holders tr", "this one");

            Assert.Equal(360, (await page.EvaluateAsync("document.documentElement.scrollWidth")).GetInt32());
        }
    }
}
