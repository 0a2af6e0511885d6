using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using AkkaCharging.Testing;

namespace AkkaCharging.Bench.Processes;

/// <summary>A service or peer that runs, or the nodes of a cluster.</summary>
internal sealed record RunningTarget(string Name, IReadOnlyList<MeasuredProcess> Processes, IReadOnlyList<int> Ports)
    : IAsyncDisposable
{
    private static readonly TimeSpan StartBound = TimeSpan.FromSeconds(60);

    /// <summary>Whether there is anything behind its answers.</summary>
    public bool CallsBack => Name != Targets.Ceiling;

    /// <summary>Of a target that is one process.</summary>
    public MeasuredProcess Process => Processes.Single();

    /// <summary>Of a target that is one process.</summary>
    public int Port => Ports.Single();

    public IReadOnlyList<IPEndPoint> EndPoints => [.. Ports.Select(port => new IPEndPoint(IPAddress.Loopback, port))];

    /// <summary>Waits until it answers that it is ready.</summary>
    public async Task ReadyAsync()
    {
        foreach (var (process, port) in Processes.Zip(Ports))
        {
            using var http = new HttpClient
            {
                BaseAddress = new Uri($"http://127.0.0.1:{port}"),
                Timeout = TimeSpan.FromSeconds(5),
            };
            await Eventually.HoldsAsync(
                async () => process.HasExited || await AnswersAsync(http),
                $"{Name} is ready",
                StartBound
            );
            if (process.HasExited)
                throw new InvalidRunException($"{Name} did not start:\n{process.Output}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in Processes)
            await process.DisposeAsync();
    }

    private static async Task<bool> AnswersAsync(HttpClient http)
    {
        try
        {
            using var answer = await http.GetAsync("/health/ready");
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return false;
        }
    }
}

/// <summary>Starts the service and its peers, each in a folder of its own, with the same environment.</summary>
internal sealed class Targets(BenchOptions options, string folder)
{
    public const string Bare = "bare peer";
    public const string Ceiling = "ceiling";
    private static readonly string PostgresKey = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
    private int _started;

    /// <summary>Rules of the usual access list.</summary>
    public const int AclRules = 1_000;

    /// <summary>
    /// The service as a user would run it, but for what the harness needs: loopback, callbacks to loopback, no throttle
    /// (the peers have none).
    /// </summary>
    /// <param name="more">Settings of this row, as environment variables.</param>
    /// <param name="home">A folder of an earlier start, to find its journal again; null for a new one.</param>
    /// <param name="build">The folder of another build of the service; empty for the one beside the harness.</param>
    public async Task<RunningTarget> ServiceAsync(
        string name,
        IReadOnlyDictionary<string, string> more,
        string? home = null,
        bool awaitsReady = true,
        string build = ""
    )
    {
        home ??= NewFolder("service");
        var settings = new Dictionary<string, string>(ServiceProcess.Loopback("acl.csv"), StringComparer.Ordinal)
        {
            ["MANAGEMENT_PORT"] = "0",
            ["AUTHORIZATION_THROTTLE_ELEMENTS"] = "0",
            ["LOGGING_LEVEL"] = options.LogLevel,
        };
        foreach (var (key, value) in options.Environment.Concat(more))
            settings[key] = value;
        if (!settings.ContainsKey("SERVER_PORT"))
            settings["SERVER_PORT"] = Text(FreePort.Next());
        if (!File.Exists(Path.Combine(home, "acl.csv")))
            AccessListFile(home, AclRules);
        var process = MeasuredProcess.Start(
            "service",
            Path.Combine(build, "AkkaCharging.Host.dll"),
            [],
            home,
            settings,
            options.ServiceProcessors
        );
        return await StartedAsync(
            new(name, [process], [int.Parse(settings["SERVER_PORT"], CultureInfo.InvariantCulture)]),
            awaitsReady
        );
    }

    /// <summary>Nodes of one cluster.</summary>
    /// <param name="journal">Settings of their journal.</param>
    public async Task<RunningTarget> ClusterAsync(string name, int nodes, IReadOnlyDictionary<string, string> journal)
    {
        var remoting = Enumerable.Range(0, nodes).Select(_ => FreePort.Next()).ToList();
        var started = new List<RunningTarget>();
        try
        {
            foreach (var port in remoting)
            {
                started.Add(
                    await ServiceAsync(
                        name,
                        new Dictionary<string, string>(journal, StringComparer.Ordinal)
                        {
                            ["CLUSTER_ENABLED"] = "true",
                            ["CLUSTER_PORT"] = Text(port),
                            ["CLUSTER_SEED_NODES"] = string.Join(',', remoting.Select(seed => $"127.0.0.1:{seed}")),
                            ["CLUSTER_LANES"] = Text(nodes * 4),
                        }
                    )
                );
            }

            return new(name, [.. started.Select(node => node.Process)], [.. started.Select(node => node.Port)]);
        }
        catch
        {
            foreach (var node in started)
                await node.DisposeAsync();
            throw;
        }
    }

    /// <summary>The bare peer or the ceiling.</summary>
    public async Task<RunningTarget> PeerAsync(string name)
    {
        var home = NewFolder("peer");
        AccessListFile(home, AclRules);
        var port = FreePort.Next();
        string[] arguments = [name == Bare ? "bare" : "ceiling", Text(port), "acl.csv"];
        var process = MeasuredProcess.Start(
            "peer",
            "AkkaCharging.Peers.dll",
            arguments,
            home,
            options.Environment,
            options.ServiceProcessors
        );
        return await StartedAsync(new(name, [process], [port]), awaitsReady: true);
    }

    /// <summary>The durable rival.</summary>
    /// <param name="kind">Of its store, as the service's journal has it.</param>
    /// <param name="home">A folder of an earlier start, to find its store again; or a new one.</param>
    /// <exception cref="InvalidRunException">Its store is not as durable as the service's journal.</exception>
    public async Task<RunningTarget> WolverineAsync(
        string name,
        string kind,
        string connectionString,
        string home,
        int port
    )
    {
        AccessListFile(home, AclRules);
        var process = MeasuredProcess.Start(
            "wolverine",
            "AkkaCharging.Peers.Wolverine.dll",
            [Text(port), "acl.csv", kind, connectionString],
            home,
            options.Environment,
            options.ServiceProcessors
        );
        var target = await StartedAsync(new(name, [process], [port]), awaitsReady: true);
        var ours = kind == "sqlite" ? "journal_mode wal, synchronous 2" : "fsync on, synchronous_commit on";
        if (process.FirstLine == ours)
            return target;
        await target.DisposeAsync();
        throw new InvalidRunException($"{name} is as durable as \"{process.FirstLine}\", the service as \"{ours}\"");
    }

    /// <summary>Settings of a journal of PostgreSQL.</summary>
    public static Dictionary<string, string> Postgres(string connectionString) =>
        new(StringComparer.Ordinal)
        {
            ["JOURNAL_KIND"] = "postgres",
            ["JOURNAL_CONNECTION_STRING"] = connectionString,
            ["JOURNAL_ENCRYPTION_KEYS"] = PostgresKey,
        };

    public static Dictionary<string, string> Journal(string kind) =>
        new(StringComparer.Ordinal) { ["JOURNAL_KIND"] = kind };

    public string NewFolder(string name) =>
        Directory.CreateDirectory(Path.Combine(folder, $"{name}-{_started++}")).FullName;

    public static void AccessListFile(string home, int rules) =>
        Driving.AccessList.Write(Path.Combine(home, "acl.csv"), rules);

    private static async Task<RunningTarget> StartedAsync(RunningTarget target, bool awaitsReady)
    {
        try
        {
            if (awaitsReady)
                await target.ReadyAsync();
            return target;
        }
        catch
        {
            await target.DisposeAsync();
            throw;
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
