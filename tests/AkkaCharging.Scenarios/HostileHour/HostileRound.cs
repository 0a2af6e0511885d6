using System.Diagnostics;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>All that is around a service or a cluster in one round of faults, and what was seen there.</summary>
internal sealed class HostileRound : IAsyncDisposable
{
    private readonly long _startedAt = Stopwatch.GetTimestamp();
    private readonly Action<string> _log;
    private readonly DisturbedReceivers _receivers;
    private readonly DisturbedAuthorizer _authorizer;
    private readonly RotatedFiles _files = new();
    private SubmissionLoad? _load;

    private HostileRound(int seed, Action<string> log, DisturbedReceivers receivers, DisturbedAuthorizer authorizer)
    {
        (Seed, _log, _receivers, _authorizer) = (seed, log, receivers, authorizer);
        Faults = new(seed, log);
    }

    public int Seed { get; }

    public FaultSchedule Faults { get; }

    /// <summary>Settings of a service: time limits that faults reach, and no limit that the load reaches.</summary>
    public (string Name, string Value)[] Settings =>
        [
            ("AUTHORIZATION_PROVIDER", "chain"),
            ("AUTHORIZATION_CHAIN", "acl,http"),
            ("AUTHORIZATION_HTTP_URL", _authorizer.Url),
            ("AUTHORIZATION_HTTP_ATTEMPT_TIMEOUT_MILLIS", "500"),
            ("AUTHORIZATION_MAX_RETRIES", "1"),
            ("AUTHORIZATION_CIRCUIT_BREAKER_RESET_TIMEOUT_MILLIS", "500"),
            ("AUTHORIZATION_THROTTLE_ELEMENTS", "0"),
            ("CALLBACK_TIMEOUT_MILLIS", "2000"),
            ("CALLBACK_MAX_RETRIES", $"{AttemptsMax - 1}"),
            ("CALLBACK_RETRY_DELAY_MILLIS", "100"),
            ("CALLBACK_DESTINATION_BREAKER_RESET_TIMEOUT_MILLIS", "500"),
            // Longer than a round and shorter than a step of the clock: nothing expires but what clients gave a short
            // life. Nothing is purged: what was answered 200 and is missing was lost.
            ("REQUEST_MAX_AGE_MILLIS", "3600000"),
            ("JOURNAL_RETENTION_HOURS", "8760"),
            ("JOURNAL_MAX_SETTLED_ROWS", "100000000"),
            ("SERVER_SHUTDOWN_GRACE_MILLIS", "2000"),
            .. _files.Settings,
        ];

    /// <summary>Ports of this loopback that the service calls.</summary>
    public IReadOnlyList<int> CalledPorts => [.. _receivers.Ports, new Uri(_authorizer.Url).Port];

    private static int AttemptsMax => 4;

    public static async Task<HostileRound> StartAsync(int seed, Action<string> log) =>
        new(seed, log, await DisturbedReceivers.StartAsync(), await DisturbedAuthorizer.StartAsync());

    /// <summary>Clients, from <see cref="Submit"/> on.</summary>
    public SubmissionLoad Load => _load ?? throw new InvalidOperationException("Nobody submits yet.");

    /// <summary>Begins to submit.</summary>
    public void Submit(int[] ports) => _load = new(() => ports, () => _files.ApiKey, Seed, _receivers.Urls);

    /// <summary>The faults of what is around the service.</summary>
    public IEnumerable<FaultSource> Sources(int[] ports) =>
        [.. _receivers.Sources, _authorizer.Source, _files.Source(ports)];

    /// <summary>Waits until nothing is pending, and returns what all saw until then.</summary>
    /// <param name="nodes">The service, or the nodes of a cluster.</param>
    /// <param name="auditAsync">Reads the journal.</param>
    /// <param name="auditBefore">The journal when the counted time began.</param>
    /// <param name="countsBefore">The metrics when the counted time began.</param>
    /// <param name="keepsRefused">See <see cref="History"/>.</param>
    public async Task<History> EndAsync(
        IReadOnlyList<ServiceProcess> nodes,
        Func<Task<IReadOnlyList<ShownRequest>>> auditAsync,
        IReadOnlyList<ShownRequest> auditBefore,
        ServiceCounts countsBefore,
        bool keepsRefused
    )
    {
        await Load.MoreIsAcceptedAsync(50);
        await Load.StopAsync();
        await SettleAsync(nodes);
        var audit = await auditAsync();
        var callbacks = await _receivers.ReceivedAsync();
        return new(
            Submissions: Load.Submissions,
            Callbacks: callbacks,
            LookUps: Load.LookUps,
            Pages: await HistoryReader.PagesAsync(
                nodes[^1],
                _files.ApiKey,
                HistoryReader.IdsOf(Load.Submissions, callbacks, audit)
            ),
            Audit: audit,
            AuthorizerAnswers: _authorizer.Answers,
            Counted: new(auditBefore, countsBefore, await HistoryReader.CountsAsync(nodes, audit)),
            AttemptsMax: AttemptsMax,
            KeepsRefused: keepsRefused
        );
    }

    /// <summary>Waits until nothing is pending, as long as it becomes less.</summary>
    /// <remarks>
    /// How long that takes has no bound of its own: a receiver that fails in all ways, some of which take seconds, is
    /// called twice at a time, and four times for a request.
    /// </remarks>
    /// <exception cref="TimeoutException">What is pending did not become less for two minutes; with what each node says
    /// of it.</exception>
    public static async Task SettleAsync(IReadOnlyList<ServiceProcess> nodes)
    {
        for (long? pending = null; pending != 0; )
        {
            var before = pending ?? long.MaxValue;
            try
            {
                await Eventually.HoldsAsync(
                    async () => (pending = (await HistoryReader.CountsAsync(nodes)).Pending) < before,
                    $"less than {before} is pending",
                    TimeSpan.FromMinutes(2)
                );
            }
            catch (TimeoutException e)
            {
                throw new TimeoutException($"{e.Message}\n{await DescribePendingAsync(nodes)}", e);
            }
        }
    }

    private static async Task<string> DescribePendingAsync(IReadOnlyList<ServiceProcess> nodes)
    {
        string[] paths =
        [
            "/admin/overview",
            "/admin/requests?state=queued&limit=5",
            "/admin/requests?state=decided&limit=5",
            "/admin/destinations",
        ];
        var said = new List<string>();
        foreach (var node in nodes)
        {
            foreach (var path in paths)
                said.Add($"{path}: {await node.TellAsync(new Uri(await node.ManagementAddressAsync(), path))}");
            said.Add($"logged:\n{node.Process.Everything}");
        }

        return string.Join('\n', said);
    }

    /// <summary>Checks a history, prints what is found and adds it to the figures of a campaign.</summary>
    public void Check(History history, HostileFigures figures, int kills)
    {
        var findings = HistoryChecker.Check(history);
        foreach (var finding in findings.Take(20))
            _log($"seed {Seed}: {finding}");
        _log(Faults.Summary);
        figures.Add(history, findings, Stopwatch.GetElapsedTime(_startedAt), Faults, kills);
    }

    public async ValueTask DisposeAsync()
    {
        if (_load is not null)
            await _load.StopAsync();
        await _receivers.DisposeAsync();
        await _authorizer.DisposeAsync();
        _files.Dispose();
    }
}
