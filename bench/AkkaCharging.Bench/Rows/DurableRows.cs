using System.Diagnostics;
using AkkaCharging.Bench.Processes;
using AkkaCharging.Bench.Reporting;
using AkkaCharging.Testing;

namespace AkkaCharging.Bench.Rows;

/// <summary>
/// The service beside Wolverine, on the same kind of database with the same durability: journeys a second, and what a
/// SIGKILL costs each.
/// </summary>
internal static class DurableRows
{
    private const int KillsMax = 3;
    private static readonly (string Journal, double Goal)[] All =
    [
        (JourneyRows.Sqlite, 4),
        (JourneyRows.Postgres, 2.5),
    ];
    private static readonly TimeSpan RecoveryBound = TimeSpan.FromMinutes(3);

    // Wolverine looks for what a dead process owned every 5 s. What is repeated after that is a figure, of which the
    // smallest profile has none.
    private static TimeSpan QuietOf(Session session) =>
        TimeSpan.FromSeconds(session.Options.Profile == "smoke" ? 1 : 12);

    public static async Task<IReadOnlyList<Figure>> RunAsync(Session session)
    {
        var rows = All.Where(row => session.Options.Journals.Contains(row.Journal)).ToList();
        var figures = new List<Figure>();
        foreach (var (journal, goal) in rows)
            figures.Add(await CompareAsync(session, journal, goal));
        foreach (var (journal, _) in rows)
            figures.Add(await KillAsync(session, journal));
        return figures;
    }

    private static async Task<Figure> CompareAsync(Session session, string journal, double goal)
    {
        var runs = await session.CompareAsync(
            [journal, Rival(journal)],
            async name => await StartAsync(session, name, await HomeAsync(session, journal)),
            async target =>
            {
                if (journal == JourneyRows.Postgres)
                    await session.AnalyzeAsync();
                return await session.SaturateAsync(target, isWarm: true);
            },
            session.Options.Rounds
        );
        var (ours, rival) = (runs[journal], runs[Rival(journal)]);
        var ratios = new Series(
            "ours / Wolverine",
            "ratio of journeys/s",
            [.. ours.Zip(rival, (a, b) => a.PerSecond / b.PerSecond)]
        );
        return new(
            Key: $"durable-{journal}",
            Title: $"full journeys a second on `{journal}`, against Wolverine on the same",
            Goal: $"≥ {goal}",
            IsMet: ratios.Median >= goal,
            Judged: ratios,
            Others:
            [
                new(
                    "ours / Wolverine",
                    "ratio of cpu time a journey",
                    [
                        .. ours.Zip(
                            rival,
                            (a, b) => (a.ServiceMicros + a.JournalMicros) / (b.ServiceMicros + b.JournalMicros)
                        ),
                    ]
                ),
                .. Side("ours", ours),
                .. Side("Wolverine", rival),
                JourneyRows.Of("other programs", "processors busy", ours, run => run.ForeignLoad),
                JourneyRows.Of("other machines of the host", "processors busy", ours, run => run.StolenLoad),
            ],
            How: "Closed loop, one destination, at most 1,024 journeys pending. Both sides run from the start, each is "
                + "warmed up, then they are driven in turns; each ratio is of one round. Both sync each commit to the "
                + "disk before the 200, and report it. A ratio of processor time includes the database server."
        );
    }

    private static IEnumerable<Series> Side(string name, List<Run> runs) =>
        [
            JourneyRows.Of(name, "journeys/s", runs, run => run.PerSecond),
            JourneyRows.Of(name, "cpu us a journey", runs, run => run.ServiceMicros),
            JourneyRows.Of($"{name}, its database server", "cpu us a journey", runs, run => run.JournalMicros),
            JourneyRows.Of($"{name}, accept p99", "ms", runs, run => run.AcceptMillis(99)),
            JourneyRows.Of($"{name}, end to end p99", "ms", runs, run => run.EndToEndMillis(99)),
            JourneyRows.Of(name, "bytes allocated a journey", runs, run => run.AllocatedBytes),
            JourneyRows.Of(name, "share of time in GC pauses", runs, run => run.GcPauseShare),
            JourneyRows.Of(name, "share of cpu time in the JIT", runs, run => run.CompilingShare),
        ];

    private static async Task<Figure> KillAsync(Session session, string journal)
    {
        List<Recovery> ours = [],
            rival = [];
        for (var round = 0; round < Math.Min(KillsMax, session.Options.Rounds); round++)
        {
            ours.Add(await RecoverAsync(session, journal, await HomeAsync(session, journal)));
            rival.Add(await RecoverAsync(session, Rival(journal), await HomeAsync(session, journal)));
        }

        var lost = Of("ours, lost", "requests", ours, recovery => recovery.Lost);
        return new(
            Key: $"durable-kill-{journal}",
            Title: $"requests lost by a SIGKILL under load on `{journal}`",
            Goal: "0",
            IsMet: lost.Max == 0,
            Judged: lost,
            Others:
            [
                Of("Wolverine, lost", "requests", rival, recovery => recovery.Lost),
                .. Side("ours", ours),
                .. Side("Wolverine", rival),
            ],
            How: "A closed loop as above, SIGKILL, and a new process on the same store. *Pending* were accepted and "
                + "had not been called back when the process was gone. Times are from the start of the new process, "
                + "its runtime's included. *Repeated* are callbacks that came a second time. *Lost* were not called "
                + $"back within {RecoveryBound.TotalMinutes:N0} minutes."
        );

        static IEnumerable<Series> Side(string name, List<Recovery> recoveries) =>
            [
                Of($"{name}, pending at the kill", "requests", recoveries, recovery => recovery.Pending),
                Of($"{name}, repeated", "callbacks", recoveries, recovery => recovery.Repeated),
                Of($"{name}, ready", "s", recoveries, recovery => recovery.Ready.TotalSeconds),
                Of($"{name}, last of them called back", "s", recoveries, recovery => recovery.Done.TotalSeconds),
            ];

        static Series Of(string name, string unit, List<Recovery> recoveries, Func<Recovery, double> value) =>
            new(name, unit, [.. recoveries.Select(value)]);
    }

    private static async Task<Recovery> RecoverAsync(Session session, string name, Home home)
    {
        IReadOnlyList<int> accepted;
        await using (var killed = await StartAsync(session, name, home))
        {
            await session.WarmUpAsync(killed);
            accepted = await session.KillUnderLoadAsync(killed);
        }

        var pending = accepted.Count(IsPending);
        var repeated = session.Ledger.Duplicates;
        var started = Stopwatch.GetTimestamp();
        await using var target = await StartAsync(session, name, home);
        var ready = Stopwatch.GetElapsedTime(started);
        var (arrivals, changed) = (0L, Stopwatch.GetTimestamp());
        while (
            Stopwatch.GetElapsedTime(started) < RecoveryBound
            && (Stopwatch.GetElapsedTime(changed) < QuietOf(session) || accepted.Any(IsPending))
        )
        {
            if (session.Ledger.Received + session.Ledger.Duplicates is var now && now != arrivals)
                (arrivals, changed) = (now, Stopwatch.GetTimestamp());
            await Task.Delay(TimeSpan.FromMilliseconds(20));
        }

        var recovery = new Recovery(
            pending,
            accepted.Count(IsPending),
            session.Ledger.Duplicates - repeated,
            ready,
            TimeSpan.FromSeconds(
                Math.Max(0, accepted.Max(sequence => session.Ledger.ArrivedAt(sequence)) - started)
                    / (double)Stopwatch.Frequency
            )
        );
        Console.WriteLine($"  {name, -16} {recovery}");
        return recovery;

        bool IsPending(int sequence) => session.Ledger.ArrivedAt(sequence) == 0;
    }

    private static string Rival(string journal) => $"Wolverine, {journal}";

    private static Task<RunningTarget> StartAsync(Session session, string name, Home home) =>
        name == Rival(home.Journal)
            ? session.Targets.WolverineAsync(name, home.Journal, home.ConnectionString, home.Folder, home.Port)
            : session.Targets.ServiceAsync(name, home.Settings, home.Folder);

    private static async Task<Home> HomeAsync(Session session, string journal)
    {
        var settings =
            journal == JourneyRows.Postgres ? await session.PostgresAsync() : Targets.Journal(JourneyRows.Sqlite);
        settings["JOURNAL_SYNCHRONOUS"] = "full";
        var port = FreePort.Next();
        settings["SERVER_PORT"] = $"{port}";
        return new(
            journal,
            settings,
            settings.GetValueOrDefault("JOURNAL_CONNECTION_STRING", "Data Source=wolverine.db"),
            session.Targets.NewFolder("durable"),
            port
        );
    }

    /// <summary>Where a side keeps its requests, to be started there again.</summary>
    private sealed record Home(
        string Journal,
        IReadOnlyDictionary<string, string> Settings,
        string ConnectionString,
        string Folder,
        int Port
    );

    /// <param name="Done">When the last accepted request was called back.</param>
    private sealed record Recovery(int Pending, int Lost, long Repeated, TimeSpan Ready, TimeSpan Done);
}
