using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using AkkaCharging.ReceiverProcesses;
using AkkaCharging.Scenarios.Clustering;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>
/// Asserts that a service keeps its promises: accepted requests are delivered, and decisions never change.
/// </summary>
internal static class Promises
{
    /// <summary>
    /// Waits until nothing is pending, then compares clients' answers, receivers' callbacks and status pages.
    /// </summary>
    /// <param name="receivers">All that <paramref name="load"/> names.</param>
    /// <returns>The figures, for the test's output.</returns>
    public static Task<string> AreKeptAsync(
        ServiceProcess service,
        ClientLoad load,
        params RecordingReceiver[] receivers
    ) => AreKeptAsync([service], load, receivers);

    /// <param name="nodes">Of one cluster; any of them knows of every request.</param>
    /// <inheritdoc cref="AreKeptAsync(ServiceProcess, ClientLoad, RecordingReceiver[])"/>
    public static async Task<string> AreKeptAsync(
        IReadOnlyList<ServiceProcess> nodes,
        ClientLoad load,
        params RecordingReceiver[] receivers
    )
    {
        await Eventually.HoldsAsync(
            async () => await PendingAsync(nodes) == 0,
            "nothing is pending",
            TimeSpan.FromSeconds(60)
        );
        var service = nodes[^1];
        var arrivals = new List<Arrival>();
        foreach (var receiver in receivers)
            arrivals.AddRange(await receiver.ReceivedAsync());
        var byId = arrivals.ToLookup(arrival => arrival.WebhookId, StringComparer.Ordinal);
        Assert.Equal(
            load.Accepted.Count,
            load.Accepted.Select(accepted => accepted.RequestId).Distinct(StringComparer.Ordinal).Count()
        );

        var pages = await PagesAsync(
            service,
            byId.Select(group => group.Key)
                .Union(load.Accepted.Select(accepted => accepted.RequestId), StringComparer.Ordinal)
        );
        foreach (var accepted in load.Accepted)
            AssertDelivered(accepted, pages[accepted.RequestId], byId[accepted.RequestId]);
        foreach (var group in byId)
            AssertDecidedOnce(pages[group.Key], group);
        foreach (var group in arrivals.GroupBy(NumberOf))
            // one submission, one request
            Assert.Single(group.Select(arrival => arrival.WebhookId).Distinct(StringComparer.Ordinal));

        var repeats = byId.Sum(group => group.SkipWhile(arrival => arrival.Answered != 204).Skip(1).Count());
        return $"{load.Accepted.Count} accepted, {load.Refused.Count} refused, {load.InDoubt} without an answer, "
            + $"{load.Unreached} unreached; {byId.Count} called back, {repeats} callbacks repeated";
    }

    /// <summary>
    /// After an outage of the journal: the service is ready again and accepts, all promises are kept, and what was
    /// refused meanwhile was refused because of the journal, and is never called back.
    /// </summary>
    /// <inheritdoc cref="AreKeptAsync(ServiceProcess, ClientLoad, RecordingReceiver[])"/>
    public static async Task<string> AreKeptAfterOutageAsync(
        ServiceProcess service,
        ClientLoad load,
        RecordingReceiver receiver
    )
    {
        await Eventually.HoldsAsync(
            async () => await service.StatusOfAsync("/health/ready") == HttpStatusCode.OK,
            "ready again"
        );
        await load.MoreIsAcceptedAsync(100);
        await load.StopAsync();
        var figures = await AreKeptAsync(service, load, receiver);
        Assert.All(load.Refused.Values, status => Assert.Equal("journal_unavailable", status));
        Assert.Equal((0, 0), (load.InDoubt, load.Unreached));
        Assert.DoesNotContain(await receiver.ReceivedAsync(), callback => load.Refused.ContainsKey(NumberOf(callback)));
        return figures;
    }

    /// <summary>Waits until nothing is pending, then compares the counts of the service.</summary>
    public static async Task AllSettleAsync(ServiceProcess service, int accepted, int delivered)
    {
        var metrics = default(JsonElement);
        Dictionary<string, int> settled = [];
        await Eventually.HoldsAsync( // a request leaves the queue before it is counted
            async () =>
            {
                metrics = await service.GetAsync("/metrics");
                settled = metrics
                    .GetProperty("deliveries_total")
                    .EnumerateObject()
                    .ToDictionary(count => count.Name, count => count.Value.GetInt32(), StringComparer.Ordinal);
                return metrics.GetProperty("queue_size_current").GetInt32() == 0
                    && settled.Values.Sum() >= accepted
                    && metrics.GetProperty("requests").GetProperty("accepted").GetInt32() >= accepted;
            },
            "nothing is pending, and all is counted",
            TimeSpan.FromSeconds(90)
        );
        Assert.Equal(
            (accepted, delivered),
            (metrics.GetProperty("requests").GetProperty("accepted").GetInt32(), settled["delivered"])
        );
        Assert.Equal(accepted, settled.Values.Sum());
    }

    /// <summary>The submission that a callback belongs to.</summary>
    public static int NumberOf(Arrival arrival) => int.Parse(arrival.Path[(arrival.Path.LastIndexOf('/') + 1)..]);

    /// <summary>How much is pending; null while a lane is on its way: what is in it is pending at no node.</summary>
    private static async Task<int?> PendingAsync(IReadOnlyList<ServiceProcess> nodes)
    {
        var figures = await Task.WhenAll(nodes.Select(node => node.GetAsync("/metrics")));
        return nodes.Count > 1 && figures.Sum(ThreeNodes.LanesIn) != ThreeNodes.Lanes
            ? null
            : figures.Sum(figure => figure.GetProperty("queue_size_current").GetInt32());
    }

    private static async Task<ConcurrentDictionary<string, JsonElement>> PagesAsync(
        ServiceProcess service,
        IEnumerable<string> ids
    )
    {
        var pages = new ConcurrentDictionary<string, JsonElement>(StringComparer.Ordinal);
        await Parallel.ForEachAsync(
            ids,
            new ParallelOptions { MaxDegreeOfParallelism = 8 },
            async (id, _) => pages[id] = await service.FollowAsync(id)
        );
        return pages;
    }

    private static void AssertDelivered(Accepted accepted, JsonElement page, IEnumerable<Arrival> callbacks)
    {
        Assert.True(page.TryGetProperty("state", out var state), $"{accepted} is lost: {page}");
        Assert.Equal("delivered", state.GetString());
        Assert.Equal(
            accepted.Token == ScenarioFolder.AllowedToken ? "allowed" : "not_allowed",
            page.GetProperty("status").GetString()
        );
        Assert.Contains(callbacks, callback => callback.Answered == 204);
        Assert.All(callbacks, callback => Assert.Equal(accepted.Number, NumberOf(callback)));
    }

    private static void AssertDecidedOnce(JsonElement page, IEnumerable<Arrival> callbacks)
    {
        Assert.Equal("delivered", page.GetProperty("state").GetString());
        var (status, timestamp) = (page.GetProperty("status").GetString(), page.GetProperty("decidedAt").GetInt64());
        Assert.All(callbacks, callback => Assert.Equal((status, timestamp), (callback.Status, callback.Timestamp)));
    }
}
