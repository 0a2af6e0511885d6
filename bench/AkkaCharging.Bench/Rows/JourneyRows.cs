using AkkaCharging.Bench.Processes;
using AkkaCharging.Bench.Reporting;

namespace AkkaCharging.Bench.Rows;

/// <summary>Journeys a second against the bare peer, and what of it is the accept path.</summary>
internal static class JourneyRows
{
    public const string Memory = "memory";
    public const string Sqlite = "sqlite";
    public const string Postgres = "postgres";

    private const string Sleeps = "threads put to sleep a journey";

    private const string How =
        "Closed loop, one destination, at most 1,024 journeys pending. All sides run from the start, each is "
        + "warmed up, then they are driven in turns; each ratio is of one round.";

    /// <summary>The rows, and journeys a second of each target, which later rows take their rates from.</summary>
    public static async Task<(IReadOnlyList<Figure> Figures, IReadOnlyDictionary<string, double> PerSecond)> RunAsync(
        Session session
    )
    {
        (string Name, double Goal)[] all = [(Memory, 0.85), (Sqlite, 0.65), (Postgres, 0.5)];
        var goals = all.Where(goal => session.Options.Journals.Contains(goal.Name)).ToList();
        var ours = goals.Select(goal => goal.Name).ToList();
        var rivals = session.Options.Rival.Length == 0 ? [] : ours.Select(Rival).ToList();
        var runs = await session.CompareAsync(
            [Targets.Bare, .. ours, .. rivals],
            name => StartAsync(session, name),
            target => session.SaturateAsync(target, isWarm: true),
            session.Options.Rounds
        );
        var figures = goals.Select(goal => Compare(goal.Name, goal.Goal, runs[goal.Name], runs[Targets.Bare])).ToList();
        figures.AddRange(ours.Zip(rivals, (mine, rival) => CompareBuilds(mine, runs[mine], runs[rival])));
        return (
            figures,
            runs.ToDictionary(
                pair => pair.Key,
                pair => Statistics.Median(pair.Value.Select(run => run.PerSecond)),
                StringComparer.Ordinal
            )
        );
    }

    /// <summary>The accept path alone: ours with a journal in memory, the peer with nothing behind it.</summary>
    public static async Task<Figure> CeilingAsync(Session session)
    {
        var runs = await session.CompareAsync(
            [Targets.Ceiling, Memory],
            name => StartAsync(session, name),
            target => session.SaturateAsync(target, isWarm: true),
            session.Options.IsShort ? 1 : session.Options.Rounds
        );
        var (ceiling, ours) = (runs[Targets.Ceiling], runs[Memory]);
        return new(
            "ceiling",
            "accept path: a minimal API that reads, validates and answers the same JSON, and does nothing else",
            Goal: null,
            IsMet: null,
            Of("ceiling", "accepts/s", ceiling, run => run.PerSecond),
            [
                Of("ceiling", "cpu us a request", ceiling, run => run.ServiceMicros),
                Of("memory, whole journey", "cpu us a request", ours, run => run.ServiceMicros),
                Of("ceiling", "bytes allocated a request", ceiling, run => run.AllocatedBytes),
            ],
            "Closed loop; what is left of a journey's cost after subtracting this is decision, journal and callback."
        );
    }

    /// <summary>
    /// One run each, when the comparison itself is not asked for: later rows take their rates from it.
    /// </summary>
    public static async Task<IReadOnlyDictionary<string, double>> QuickAsync(Session session)
    {
        var perSecond = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var name in (string[])[Targets.Bare, Sqlite])
        {
            await using var target = await StartAsync(session, name);
            perSecond[name] = (await session.SaturateAsync(target)).PerSecond;
        }

        return perSecond;
    }

    /// <summary>
    /// Starts a target by its name: a peer's, a journal's, or that of the other build with a journal.
    /// </summary>
    public static async Task<RunningTarget> StartAsync(Session session, string name)
    {
        if (name is Targets.Bare or Targets.Ceiling)
            return await session.Targets.PeerAsync(name);
        var journal = name.Split(' ')[^1];
        return await session.Targets.ServiceAsync(
            name,
            journal == Postgres ? await session.PostgresAsync() : Targets.Journal(journal),
            build: name == Rival(journal) ? session.Options.Rival : ""
        );
    }

    private static string Rival(string journal) => $"rival, {journal}";

    public static Series Of(string name, string unit, IReadOnlyList<Run> runs, Func<Run, double> value) =>
        new(name, unit, [.. runs.Select(value)]);

    private static Figure CompareBuilds(string name, List<Run> ours, List<Run> rival)
    {
        var ratios = new Series(
            "this build / the other",
            "ratio of cpu time a journey",
            [.. ours.Zip(rival, (a, b) => (a.ServiceMicros + a.JournalMicros) / (b.ServiceMicros + b.JournalMicros))]
        );
        return new(
            $"rival-{name}",
            $"cost of a journey, journal `{name}`, against another build of the service",
            Goal: null,
            IsMet: null,
            ratios,
            [
                new(
                    "this build / the other",
                    "ratio of journeys/s",
                    [.. ours.Zip(rival, (a, b) => a.PerSecond / b.PerSecond)]
                ),
                Of("the other", "cpu us a journey", rival, run => run.ServiceMicros),
                Of("the other", "bytes allocated a journey", rival, run => run.AllocatedBytes),
                Of("this build", Sleeps, ours, run => run.Sleeps),
                Of("the other", Sleeps, rival, run => run.Sleeps),
                Of("the other", "share of time in GC pauses", rival, run => run.GcPauseShare),
            ],
            How
        );
    }

    private static Figure Compare(string name, double goal, List<Run> ours, List<Run> bare)
    {
        var ratios = new Series(
            "ours / bare peer",
            "ratio of journeys/s",
            [.. ours.Zip(bare, (a, b) => a.PerSecond / b.PerSecond)]
        );
        return new(
            Key: $"journeys-{name}",
            Title: $"full journeys a second, journal `{name}`, against the bare peer",
            Goal: $"≥ {goal}",
            IsMet: ratios.Median >= goal,
            Judged: ratios,
            Others:
            [
                new(
                    "ours / bare peer",
                    "ratio of cpu time a journey",
                    [.. ours.Zip(bare, (a, b) => (a.ServiceMicros + a.JournalMicros) / b.ServiceMicros)]
                ),
                Of(name, "journeys/s", ours, run => run.PerSecond),
                Of(Targets.Bare, "journeys/s", bare, run => run.PerSecond),
                Of(name, "cpu us a journey", ours, run => run.ServiceMicros),
                Of(Targets.Bare, "cpu us a journey", bare, run => run.ServiceMicros),
                Of("database server", "cpu us a journey", ours, run => run.JournalMicros),
                Of("receiver", "cpu us a journey", ours, run => run.ReceiverMicros),
                Of("driver", "cpu us a journey", ours, run => run.DriverMicros),
                Of(name, "bytes allocated a journey", ours, run => run.AllocatedBytes),
                Of(Targets.Bare, "bytes allocated a journey", bare, run => run.AllocatedBytes),
                Of(name, Sleeps, ours, run => run.Sleeps),
                Of(Targets.Bare, Sleeps, bare, run => run.Sleeps),
                Of(name, "share of time in GC pauses", ours, run => run.GcPauseShare),
                Of(name, "share of cpu time in the JIT", ours, run => run.CompilingShare),
                Of(Targets.Bare, "share of cpu time in the JIT", bare, run => run.CompilingShare),
                Of("other programs", "processors busy", ours, run => run.ForeignLoad),
                Of("other machines of the host", "processors busy", ours, run => run.StolenLoad),
            ],
            How: How
        );
    }
}
