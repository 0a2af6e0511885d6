using AkkaCharging.Bench.Processes;
using AkkaCharging.Bench.Reporting;

namespace AkkaCharging.Bench.Rows;

/// <summary>How often a service that has nothing to do keeps a processor from sleeping.</summary>
internal static class IdleRow
{
    private const double Goal = 20;

    // What follows a start is over by then: compiling in the background, and idle threads of the pool that end.
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Measured = TimeSpan.FromSeconds(10);

    public static async Task<Figure> RunAsync(Session session)
    {
        var judged = await MeasureAsync(session, JourneyRows.Sqlite);
        var peer = await MeasureAsync(session, Targets.Bare);
        return new(
            Key: "idle",
            Title: "wake-ups of an idle service, `sqlite`",
            Goal: "< 20 a second",
            IsMet: judged.Median < Goal,
            Judged: judged,
            Others: [peer],
            How: "Sleeps of all threads (voluntary context switches) in 10 s, half a minute after the last request."
        );
    }

    private static async Task<Series> MeasureAsync(Session session, string name)
    {
        await using var target = await JourneyRows.StartAsync(session, name);
        await session.SaturateAsync(target);
        await Task.Delay(Settling);
        var wakes = new List<double>();
        for (var round = 0; round < session.Options.Rounds; round++)
        {
            var first = ProcFs.Sleeps(target.Processes[0].Id);
            await Task.Delay(Measured);
            var last = ProcFs.Sleeps(target.Processes[0].Id);
            wakes.Add(ProcFs.SleepsBetween(first, last) / Measured.TotalSeconds);
        }

        return new(name, "wake-ups a second", wakes);
    }
}
