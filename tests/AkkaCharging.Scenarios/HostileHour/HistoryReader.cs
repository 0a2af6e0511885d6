using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AkkaCharging.DeadLetters;
using AkkaCharging.ReceiverProcesses;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>Reads what a service says of its requests: status pages, audit, the operators' list and metrics.</summary>
internal static class HistoryReader
{
    private const int PageRows = 100;

    /// <summary>A status page, a line of <c>audit --json</c> or a row of the operators' list.</summary>
    public static ShownRequest Shown(JsonElement json)
    {
        var status = Text(json, "status");
        return new(
            json.GetProperty("requestId").GetString()!,
            json.GetProperty("state").GetString()!,
            status is null ? null : new(status, Text(json, "reason")!, Millis(json.GetProperty("decidedAt"))),
            json.TryGetProperty("attempts", out var attempts) && attempts.ValueKind == JsonValueKind.Array
                ? [.. attempts.EnumerateArray().Select(Attempt)]
                : []
        );
    }

    /// <summary>The status page of each of these requests that has one.</summary>
    public static async Task<IReadOnlyList<ShownRequest>> PagesAsync(
        ServiceProcess service,
        string apiKey,
        IEnumerable<string> ids
    )
    {
        var pages = new ConcurrentQueue<ShownRequest>();
        await Parallel.ForEachAsync(
            ids,
            new ParallelOptions { MaxDegreeOfParallelism = 4 },
            async (id, cancellation) =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, $"{ServiceProcess.SubmitPath}/{id}");
                request.Headers.Add("X-Api-Key", apiKey);
                using var answer = await service.Http.SendAsync(request, cancellation);
                if (answer.StatusCode == HttpStatusCode.NotFound)
                    return;
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
                pages.Enqueue(Shown(await answer.Content.ReadFromJsonAsync<JsonElement>(cancellation)));
            }
        );
        return [.. pages];
    }

    /// <summary>What the audit command lists of a journal.</summary>
    /// <param name="launch">Starts a command of the service, given its arguments.</param>
    public static async Task<IReadOnlyList<ShownRequest>> AuditAsync(Func<string[], ServiceProcess> launch)
    {
        await using var command = launch(["audit", "--json", "--limit", "10000000"]);
        Assert.True(await command.Process.ExitAsync() == 0, command.Process.Everything);
        return [.. command.Process.Output.Select(line => Shown(JsonSerializer.Deserialize<JsonElement>(line)))];
    }

    /// <summary>What the operators' API lists: for a journal in memory, which no other process can read.</summary>
    public static async Task<IReadOnlyList<ShownRequest>> ListAsync(ServiceProcess service)
    {
        var rows = new List<ShownRequest>();
        for (string? cursor = ""; cursor is not null; )
        {
            var page = await service.Http.GetFromJsonAsync<JsonElement>(
                new Uri(
                    await service.ManagementAddressAsync(),
                    $"/admin/requests?limit={PageRows}{(cursor.Length > 0 ? $"&cursor={cursor}" : "")}"
                )
            );
            rows.AddRange(page.GetProperty("requests").EnumerateArray().Select(Shown));
            cursor = page.GetProperty("next").GetString();
        }

        return rows;
    }

    /// <summary>The metrics of these nodes; of dead letters, which are of the journal, the last node's.</summary>
    public static async Task<ServiceCounts> CountsAsync(IEnumerable<ServiceProcess> nodes)
    {
        var sum = ServiceCounts.Zero;
        foreach (var node in nodes)
        {
            var metrics = await node.GetAsync("/metrics");
            var requests = metrics.GetProperty("requests");
            sum = new(
                sum.Accepted + (requests.TryGetProperty("accepted", out var accepted) ? accepted.GetInt64() : 0),
                Add(sum.Decisions, metrics.GetProperty("authorization_decisions")),
                Add(sum.Settled, metrics.GetProperty("deliveries_total")),
                sum.Pending + metrics.GetProperty("queue_size_current").GetInt64(),
                metrics.GetProperty("dead_letters_current") is { ValueKind: JsonValueKind.Number } dead
                    ? dead.GetInt64()
                    : null
            );
        }

        return sum;
    }

    /// <summary>The metrics of these nodes, as soon as dead letters were counted again.</summary>
    /// <param name="audit">What the count has to come to; a wrong one is returned too, after a while.</param>
    public static async Task<ServiceCounts> CountsAsync(
        IReadOnlyList<ServiceProcess> nodes,
        IReadOnlyList<ShownRequest> audit
    )
    {
        var dead = audit.Count(row => row.State == "failed");
        var counts = ServiceCounts.Zero;
        var since = Stopwatch.GetTimestamp();
        await Eventually.HoldsAsync(
            async () =>
            {
                counts = await CountsAsync(nodes);
                return counts.DeadLetters == dead || Stopwatch.GetElapsedTime(since) > DeadLetterCount.Rest * 3;
            },
            "dead letters are counted again"
        );
        return counts;
    }

    /// <summary>The requests that anybody knows of.</summary>
    public static IEnumerable<string> IdsOf(
        IEnumerable<Submission> submissions,
        IEnumerable<Arrival> callbacks,
        IEnumerable<ShownRequest> audit
    ) =>
        submissions
            .SelectMany(submission => submission.AcceptedIds)
            .Concat(callbacks.Select(callback => callback.WebhookId))
            .Union(audit.Select(row => row.RequestId), StringComparer.Ordinal);

    private static Dictionary<string, long> Add(IReadOnlyDictionary<string, long> counts, JsonElement more) =>
        more.EnumerateObject()
            .ToDictionary(
                count => count.Name,
                count => count.Value.GetInt64() + counts.GetValueOrDefault(count.Name),
                StringComparer.Ordinal
            );

    private static ShownAttempt Attempt(JsonElement json) =>
        new(
            json.GetProperty("httpStatus") is { ValueKind: JsonValueKind.Number } status ? status.GetInt32() : null,
            json.GetProperty("outcome").GetString()!
        );

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) ? value.GetString() : null;

    /// <summary>A number of milliseconds, or a time of the audit, which is more precise.</summary>
    private static long Millis(JsonElement time) =>
        time.ValueKind == JsonValueKind.Number
            ? time.GetInt64()
            : DateTimeOffset
                .Parse(time.GetString()!, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal)
                .ToUnixTimeMilliseconds();
}
