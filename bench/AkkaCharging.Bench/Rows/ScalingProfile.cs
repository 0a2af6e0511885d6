using System.Diagnostics;
using AkkaCharging.Bench.Driving;
using AkkaCharging.Bench.Processes;
using AkkaCharging.Bench.Receiver;
using AkkaCharging.Bench.Reporting;

namespace AkkaCharging.Bench.Rows;

/// <summary>How cost grows with connections, destinations, the queue and the access list.</summary>
internal static class ScalingProfile
{
    private const string CallbackAllow = "CALLBACK_SECURITY_ALLOW";
    private const int DestinationsKeptAlive = 1_000;

    /// <summary>Set by run.sh in a network of its own, where every address of 10.0.0.0/8 is this machine.</summary>
    private static readonly bool HasNetwork =
        Environment.GetEnvironmentVariable("AKKACHARGING_BENCH_NETWORK") is { Length: > 0 };

    public static async Task RunAsync(Session session, List<Figure> figures, List<string> plots)
    {
        (string Name, Func<Session, Task<Growth>> Measure)[] all =
        [
            ("connections", ConnectionsAsync),
            ("destinations", DestinationsAsync),
            ("queue", QueueAsync),
            ("acl", AclAsync),
        ];
        foreach (var (name, measure) in all)
        {
            if (!session.Options.Wants(name))
                continue;
            var growth = await measure(session);
            figures.AddRange(growth.Figures(name));
            foreach (var unit in growth.Series.GroupBy(series => series.Unit, StringComparer.Ordinal))
            {
                var plain = unit.Key.Select(character => char.IsLetter(character) ? character : '-');
                var file = $"scaling-{name}-{string.Concat(plain)}";
                plots.Add(
                    Plot.Write(
                        session.Options,
                        name: file,
                        title: $"{unit.Key} by {growth.Of}",
                        xTitle: growth.Of,
                        x: growth.Sizes,
                        yTitle: unit.Key,
                        series: [.. unit]
                    )
                );
            }
        }
    }

    private static async Task<Growth> ConnectionsAsync(Session session)
    {
        int[] sizes = [1, 8, 64, 512];
        List<Run> ours = [],
            bare = [];
        foreach (var connections in sizes)
        {
            await using (var target = await JourneyRows.StartAsync(session, JourneyRows.Sqlite))
                ours.Add(await session.SaturateAsync(target, connections: connections));
            await using (var target = await JourneyRows.StartAsync(session, Targets.Bare))
                bare.Add(await session.SaturateAsync(target, connections: connections));
        }

        return Of("client connections", sizes, ("sqlite", ours), ("bare peer", bare));
    }

    private static async Task<Growth> DestinationsAsync(Session session)
    {
        var sizes = UpTo(HasNetwork ? session.Options.LargestSize : DestinationsKeptAlive, 1, 10, 1_000, 100_000);
        var runs = new List<Run>();
        foreach (var size in sizes)
        {
            var hosts = Enumerable.Range(0, size).Select(Host).ToList();
            var submissions = new Submissions([
                .. hosts.Select((host, number) => session.Url(number, host, closes: size > DestinationsKeptAlive)),
            ]);
            var allow = HasNetwork ? "10.0.0.0/8" : string.Join(',', hosts.Select(host => $"{host}/32"));
            await using var target = await session.Targets.ServiceAsync(
                "sqlite",
                new Dictionary<string, string> { [CallbackAllow] = allow }
            );
            runs.Add(await session.SaturateAsync(target, submissions));
        }

        return Of("destinations", sizes, ("sqlite", runs));

        static string Host(int number) =>
            HasNetwork
                ? $"10.{1 + (number >> 16)}.{(number >> 8) & 255}.{number & 255}"
                : $"127.0.{number / 250}.{1 + (number % 250)}";
    }

    private static async Task<Growth> QueueAsync(Session session)
    {
        var sizes = UpTo(session.Options.LargestSize, 10_000, 100_000, 1_000_000);
        List<Run> answers = [];
        List<double> heaps = [],
            drains = [];
        foreach (var size in sizes)
        {
            session.Ledger.Authorizer = (long)AuthorizerMode.Hangs;
            var settings = Faults.PatientPending(size);
            foreach (var (name, value) in Faults.AskingTheReceiver(session).Append(new("JOURNAL_KIND", "memory")))
                settings[name] = value;
            await using var target = await session.Targets.ServiceAsync("memory", settings);
            var before = target.Process.Heap(collects: true).HeapBytes;
            var fill = new LoadPlan(
                target.EndPoints,
                session.OneDestination(),
                session.Options.Connections,
                TimeSpan.Zero,
                TimeSpan.FromMinutes(30),
                Window: int.MaxValue,
                CountMax: size
            );
            await session.DriveAsync(target, fill, hasFaults: true);
            heaps.Add((target.Process.Heap(collects: true).HeapBytes - before) / (double)size);
            answers.Add(
                await session.DriveAsync(
                    target,
                    fill with
                    {
                        WarmUp = session.WarmUp,
                        Duration = session.Duration,
                        Rate = 1_000,
                        CountMax = int.MaxValue,
                    },
                    hasFaults: true
                )
            );
            var started = Stopwatch.GetTimestamp();
            await session.SettleAllAsync(TimeSpan.FromSeconds(60 + (size / 500.0)));
            drains.Add(size / Stopwatch.GetElapsedTime(started).TotalSeconds);
        }

        return new(
            "pending requests",
            [.. sizes.Select(size => (double)size)],
            [
                new("heap", "bytes a pending request", heaps),
                new("drained", "journeys/s", drains),
                new("accept p99 at 1,000/s", "ms", [.. answers.Select(run => run.AcceptMillis(99))]),
            ]
        );
    }

    private static async Task<Growth> AclAsync(Session session)
    {
        var sizes = UpTo(session.Options.LargestSize, 1_000, 100_000, 1_000_000);
        var runs = new List<Run>();
        List<double> ready = [],
            heaps = [];
        foreach (var size in sizes)
        {
            var home = session.Targets.NewFolder("acl");
            Targets.AccessListFile(home, size);
            var started = Stopwatch.GetTimestamp();
            await using var target = await session.Targets.ServiceAsync(
                "sqlite",
                new Dictionary<string, string>(),
                home
            );
            ready.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
            heaps.Add(target.Process.Heap(collects: true).HeapBytes / 1e6);
            runs.Add(await session.SaturateAsync(target));
        }

        var growth = Of("rules of the access list", sizes, ("sqlite", runs));
        return growth with { Series = [.. growth.Series, new("start to ready", "s", ready), new("heap", "MB", heaps)] };
    }

    private static int[] UpTo(int largest, params int[] sizes) => [.. sizes.Where(size => size <= largest)];

    private static Growth Of(string of, int[] sizes, params ReadOnlySpan<(string Name, List<Run> Runs)> targets)
    {
        var series = new List<Series>();
        foreach (var (name, runs) in targets)
        {
            series.Add(JourneyRows.Of(name, "journeys/s", runs, run => run.PerSecond));
            series.Add(JourneyRows.Of(name, "cpu us a journey", runs, run => run.ServiceMicros));
        }

        return new(of, [.. sizes.Select(size => (double)size)], series);
    }

    /// <summary>Series over sizes of one thing.</summary>
    private sealed record Growth(string Of, IReadOnlyList<double> Sizes, IReadOnlyList<Series> Series)
    {
        /// <summary>A figure for each series: its last value over its first, and the values between.</summary>
        public IEnumerable<Figure> Figures(string key) =>
            Series.Select(series => new Figure(
                $"scaling-{key}-{series.Name}-{series.Unit}",
                $"{series.Unit} by {Of}: {series.Name}, at {Sizes[^1]:N0} over {Sizes[0]:N0}",
                Goal: null,
                IsMet: null,
                new(series.Name, $"times the {series.Unit}", [series.Values[^1] / series.Values[0]]),
                [.. Sizes.Zip(series.Values, (size, value) => new Series($"{size:N0} {Of}", series.Unit, [value]))],
                key == "destinations"
                    ? $"Closed loop. Above {DestinationsKeptAlive:N0} destinations the receiver closes the "
                        + "connection after each callback: so many stay open nowhere."
                    : "A run for each size."
            ));
    }
}
