using System.Globalization;
using System.Net;
using System.Text.Json;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.Clustering;

/// <summary>Three nodes of one cluster on one journal, each a process of its own.</summary>
internal sealed class ThreeNodes : IAsyncDisposable
{
    public const int Count = 3;
    public const int Lanes = 12;
    private const string Remoting = "2552";
    private const string Server = "8080";
    private const int StartsMax = 20;
    private static readonly TimeSpan Joining = TimeSpan.FromSeconds(60);

    private readonly ScenarioFolder _folder = new();
    private readonly JournalHome _journal;
    private readonly IReadOnlyList<Node> _all;
    private readonly ServiceProcess?[] _running = new ServiceProcess?[Count];

    private ThreeNodes(JournalHome journal, IReadOnlyList<Node> all) => (_journal, _all) = (journal, all);

    /// <summary>Those that run.</summary>
    public IReadOnlyList<ServiceProcess> Running => [.. _running.OfType<ServiceProcess>()];

    /// <summary>Where clients reach them, whether they run or not.</summary>
    public int[] Ports => [.. _all.Select(node => node.Port)];

    public ServiceProcess this[int number] =>
        _running[number] ?? throw new InvalidOperationException($"Node {number} does not run.");

    /// <summary>Starts all of them on this machine's loopback.</summary>
    public static async Task<ThreeNodes> StartAsync(params (string Name, string Value)[] more) =>
        await StartAsync(await JournalHome.NewAsync(JournalHome.Postgres), more);

    /// <summary>Starts all of them on this machine's loopback, on a journal that is theirs from now on.</summary>
    public static Task<ThreeNodes> StartAsync(JournalHome journal, params (string Name, string Value)[] more)
    {
        var ports = Enumerable.Range(0, Count * 2).Select(_ => FreePort.Next()).ToList();
        var seeds = string.Join(',', ports.Take(Count).Select(port => $"127.0.0.1:{port}"));
        return StartAsync(
            journal,
            [
                .. Enumerable
                    .Range(0, Count)
                    .Select(number => new Node(
                        Settings(
                            journal,
                            seeds,
                            [.. more, ("CLUSTER_PORT", $"{ports[number]}"), ("SERVER_PORT", $"{ports[Count + number]}")]
                        ),
                        ports[Count + number],
                        Launcher: null
                    )),
            ]
        );
    }

    /// <summary>Starts all of them on a network of their own.</summary>
    public static async Task<ThreeNodes> StartAsync(NodeNetwork network, params (string Name, string Value)[] more) =>
        await StartAsync(network, await JournalHome.NewAsync(JournalHome.Postgres), more);

    /// <summary>Starts all of them on a network of their own, on a journal that is theirs from now on.</summary>
    public static async Task<ThreeNodes> StartAsync(
        NodeNetwork network,
        JournalHome journal,
        params (string Name, string Value)[] more
    )
    {
        var seeds = string.Join(
            ',',
            Enumerable.Range(0, Count).Select(number => $"{NodeNetwork.Address(number)}:{Remoting}")
        );
        return await StartAsync(
            journal,
            [
                .. Enumerable
                    .Range(0, Count)
                    .Select(number =>
                    {
                        network.LetOut(number, journal.Port);
                        return new Node(
                            Settings(
                                journal,
                                seeds,
                                [
                                    .. more,
                                    ("CLUSTER_HOSTNAME", NodeNetwork.Address(number)),
                                    ("CLUSTER_ALLOW_PLAINTEXT", "true"),
                                    ("CLUSTER_PORT", Remoting),
                                    ("SERVER_PORT", Server),
                                ]
                            ),
                            network.LetIn(number, int.Parse(Server, CultureInfo.InvariantCulture)),
                            network.Launcher(number)
                        );
                    }),
            ]
        );
    }

    /// <summary>Starts a node that does not run.</summary>
    public void Launch(int number)
    {
        var (settings, port, launcher) = _all[number];
        _running[number] = ServiceProcess.Launch(settings, _folder.Path, launcher: launcher, port: port);
    }

    /// <summary>Waits until a node is ready: a member that has lanes.</summary>
    public async Task ReadyAsync(int number)
    {
        if (!await AreReadyAsync([number], Joining))
            throw new InvalidOperationException($"Node {number} did not start:\n{this[number].Process.Everything}");
    }

    /// <summary>Starts a node that does not run, and waits until it is ready.</summary>
    public async Task StartAsync(int number)
    {
        Launch(number);
        await ReadyAsync(number);
    }

    /// <summary>Starts a node again that ends by itself, as a platform does.</summary>
    public async Task RelaunchEndedAsync(int number)
    {
        Assert.Equal(2, await this[number].Process.ExitAsync()); // so that it counts as failed
        await ForgetAsync(number);
        Launch(number);
    }

    /// <summary>
    /// Waits until all nodes are ready, and starts those that do not run, also those that end by themselves meanwhile:
    /// a node may wait for any of the others.
    /// </summary>
    public async Task KeepRunningAsync()
    {
        for (var starts = 0; starts < StartsMax; starts++)
        {
            for (var number = 0; number < Count; number++)
            {
                if (_running[number] is { Process.HasExited: true })
                    await ForgetAsync(number);
                if (_running[number] is null)
                    Launch(number);
            }

            if (await AreReadyAsync([.. Enumerable.Range(0, Count)], Joining * 2))
                return;
        }

        throw new InvalidOperationException("The nodes do not stay.");
    }

    /// <summary>Waits until nodes are ready; false when one of them ends before.</summary>
    private async Task<bool> AreReadyAsync(int[] numbers, TimeSpan deadline)
    {
        try
        {
            await Eventually.HoldsAsync(
                async () => HasOneEnded() || await ServeAsync(),
                $"nodes {string.Join(", ", numbers)} are ready",
                deadline
            );
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message}\n{await DescribeAsync(numbers)}", e);
        }

        return !HasOneEnded();

        bool HasOneEnded() => numbers.Any(number => this[number].Process.HasExited);

        async Task<bool> ServeAsync()
        {
            foreach (var number in numbers)
            {
                if (await this[number].StatusOfAsync("/health/ready") != HttpStatusCode.OK)
                    return false;
            }

            return true;
        }
    }

    /// <summary>What each node says of its health, and what some of them logged last.</summary>
    private async Task<string> DescribeAsync(int[] numbers)
    {
        var said = new List<string>();
        for (var other = 0; other < Count; other++)
        {
            if (_running[other] is { } node)
                said.Add($"node {other}: {await node.TellAsync(new Uri("/health", UriKind.Relative))}");
        }

        return string.Join(
            '\n',
            said.Concat(numbers.Select(number => $"node {number} logged:\n{this[number].Process.Everything}"))
        );
    }

    /// <summary>How many lanes a node says it has.</summary>
    public static async Task<int> LanesOfAsync(ServiceProcess node) => LanesIn(await node.GetAsync("/metrics"));

    /// <summary>How many lanes a node has by its metrics.</summary>
    public static int LanesIn(JsonElement metrics) => metrics.GetProperty("cluster").GetProperty("lanes").GetInt32();

    /// <summary>Waits until each lane is at one of the nodes: lanes move one after the other.</summary>
    /// <param name="within">Null for <see cref="Eventually.Patience"/>.</param>
    public static Task EachLaneIsHeldAsync(IEnumerable<ServiceProcess> nodes, TimeSpan? within = null) =>
        Eventually.HoldsAsync(
            async () => (await Task.WhenAll(nodes.Select(LanesOfAsync))).Sum() == Lanes,
            "each lane is held",
            within
        );

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync(int number)
    {
        await this[number].Process.CrashAsync();
        await ForgetAsync(number);
    }

    /// <summary>Sends SIGTERM and waits for the end.</summary>
    /// <returns>What the node logged.</returns>
    public async Task<IReadOnlyList<string>> StopAsync(int number)
    {
        var process = this[number].Process;
        var exit = await EndAsync(number);
        Assert.True(exit == 0, $"node {number} ended with {exit}:\n{process.Everything}");
        return [.. process.Output];
    }

    /// <summary>Sends SIGTERM and waits for the end.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> EndAsync(int number)
    {
        var exit = await this[number].StopAsync();
        await ForgetAsync(number);
        return exit;
    }

    /// <summary>Starts another command of the service on their journal.</summary>
    public ServiceProcess LaunchCommand(params string[] arguments) =>
        ServiceProcess.Launch(_journal.Settings(), _folder.Path, arguments);

    public async ValueTask DisposeAsync()
    {
        for (var number = 0; number < Count; number++)
            await ForgetAsync(number);
        await _journal.DisposeAsync();
        _folder.Dispose();
    }

    /// <summary>One after the other: the first is the oldest, and the coordinator's.</summary>
    private static async Task<ThreeNodes> StartAsync(JournalHome journal, IReadOnlyList<Node> all)
    {
        var nodes = new ThreeNodes(journal, all);
        try
        {
            for (var number = 0; number < Count; number++)
                await nodes.StartAsync(number);
            return nodes;
        }
        catch
        {
            await nodes.DisposeAsync();
            throw;
        }
    }

    private static Dictionary<string, string> Settings(JournalHome journal, string seeds, (string, string)[] more) =>
        journal.Settings([
            ("CLUSTER_ENABLED", "true"),
            ("CLUSTER_SEED_NODES", seeds),
            ("CLUSTER_LANES", $"{Lanes}"),
            .. ClientLoad.Unhurried,
            .. more,
        ]);

    private async Task ForgetAsync(int number)
    {
        if (_running[number] is { } node)
            await node.DisposeAsync();
        _running[number] = null;
    }

    /// <param name="Port">Where clients reach it.</param>
    private sealed record Node(Dictionary<string, string> Settings, int Port, IReadOnlyList<string>? Launcher);
}
