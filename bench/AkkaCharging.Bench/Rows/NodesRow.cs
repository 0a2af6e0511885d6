using AkkaCharging.Bench.Reporting;

namespace AkkaCharging.Bench.Rows;

/// <summary>One process, one node and three nodes of a cluster on one database.</summary>
internal static class NodesRow
{
    private const string Alone = "one process";
    private const string One = "one node";
    private const string Three = "three nodes";

    public static async Task<Figure> RunAsync(Session session)
    {
        string[] names = [Alone, One, Three];
        var saturated = names.ToDictionary(name => name, _ => new List<Run>(), StringComparer.Ordinal);
        var offered = names.ToDictionary(name => name, _ => new List<Run>(), StringComparer.Ordinal);
        for (var round = 0; round < session.Options.Rounds; round++)
        {
            foreach (var name in round % 2 == 0 ? names : names.Reverse())
            {
                await using (var target = await StartAsync(name))
                    saturated[name].Add(await session.SaturateAsync(target));
                await using (var target = await StartAsync(name))
                    offered[name].Add(await session.OfferAsync(target, saturated[name][0].PerSecond / 2));
            }
        }

        var judged = new Series(
            "three nodes / one process",
            "ratio of journeys/s",
            [.. saturated[Three].Zip(saturated[Alone], (three, one) => three.PerSecond / one.PerSecond)]
        );
        return new(
            "nodes",
            "full journeys a second of three nodes on one journal in PostgreSQL, against one process, all on "
                + "this one machine",
            Goal: null,
            IsMet: null,
            judged,
            [
                .. names.SelectMany(name =>
                    (Series[])
                        [
                            JourneyRows.Of(name, "journeys/s", saturated[name], run => run.PerSecond),
                            JourneyRows.Of(
                                name,
                                "cpu us a journey, all its processes",
                                saturated[name],
                                run => run.ServiceMicros
                            ),
                            JourneyRows.Of(
                                $"{name}, its database",
                                "cpu us a journey",
                                saturated[name],
                                run => run.JournalMicros
                            ),
                            JourneyRows.Of(
                                $"{name}, half of saturation",
                                "accept p99, ms",
                                offered[name],
                                run => run.AcceptMillis(99)
                            ),
                            JourneyRows.Of(
                                $"{name}, half of saturation",
                                "end to end p99, ms",
                                offered[name],
                                run => run.EndToEndMillis(99)
                            ),
                            JourneyRows.Of(
                                $"{name}, half of saturation",
                                "cpu us a journey, all its processes",
                                offered[name],
                                run => run.ServiceMicros
                            ),
                            JourneyRows.Of(
                                $"{name}, half of saturation, its database",
                                "cpu us a journey",
                                offered[name],
                                run => run.JournalMicros
                            ),
                        ]
                ),
                JourneyRows.Of("other programs", "processors busy", saturated[Three], run => run.ForeignLoad),
                JourneyRows.Of(
                    "other machines of the host",
                    "processors busy",
                    saturated[Three],
                    run => run.StolenLoad
                ),
            ],
            "Closed loop, then open loop at half of it; connections are dealt out among the nodes. It shows "
                + "what being a node costs, and what the database pays for a journey, which is what "
                + "bounds a cluster: journeys/s on machines of their own are at most the database's processors "
                + "over its time a journey. It does not show three machines: nodes, database, driver "
                + "and receiver share the processors of one here, so that a ratio above 1 cannot be expected."
        );

        async Task<Processes.RunningTarget> StartAsync(string name)
        {
            var journal = await session.PostgresAsync();
            return name == Alone
                ? await session.Targets.ServiceAsync(name, journal)
                : await session.Targets.ClusterAsync(name, name == One ? 1 : 3, journal);
        }
    }
}
