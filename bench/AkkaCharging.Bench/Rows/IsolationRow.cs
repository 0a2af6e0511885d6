using AkkaCharging.Bench.Driving;
using AkkaCharging.Bench.Reporting;

namespace AkkaCharging.Bench.Rows;

/// <summary>What healthy destinations notice while others hang.</summary>
internal static class IsolationRow
{
    private const int Destinations = 10;
    private const int Hanging = 2;
    private const double Goal = 1.2;

    // Longer than callback.timeoutMillis: until then hanging deliveries only pile up.
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(12);

    public static async Task<Figure> RunAsync(Session session, double saturation)
    {
        List<Run> without = [],
            with = [];
        var hosts = Enumerable.Range(1, Destinations).Select(number => $"127.0.0.{number}").ToList();
        var submissions = new Submissions([.. hosts.Select((host, number) => session.Url(number, host))]);
        var settings = Faults.PatientDelivery(queue: 100_000);
        settings["CALLBACK_SECURITY_ALLOW"] = string.Join(',', hosts.Select(host => $"{host}/32"));
        var duration = session.Duration > Shortest ? session.Duration : Shortest;
        for (var round = 0; round < (session.Options.IsShort ? 1 : session.Options.Rounds); round++)
        {
            await using var target = await session.Targets.ServiceAsync("isolation", settings);
            await Faults.WarmUpAsync(session, target);
            var plan = new LoadPlan(
                target.EndPoints,
                submissions,
                session.Options.Connections,
                session.WarmUp,
                duration,
                saturation / 2,
                RefusalsAreFine: true,
                IsHealthy: sequence => sequence % Destinations < Destinations - Hanging
            );
            without.Add(await session.DriveAsync(target, plan, hasFaults: true));
            session.Ledger.HangFrom = Destinations - Hanging;
            with.Add(await session.DriveAsync(target, plan, hasFaults: true));
            await session.SettleAllAsync();
        }

        var judged = new Series(
            "with / without",
            "ratio of p99",
            [.. with.Zip(without, (a, b) => a.EndToEndMillis(99) / b.EndToEndMillis(99))]
        );
        return new(
            "isolation",
            "healthy destinations' callback p99 while 20 % of destinations hang, against without",
            "≤ 1.2",
            judged.Median <= Goal,
            judged,
            [
                JourneyRows.Of("without, end to end p99", "ms", without, run => run.EndToEndMillis(99)),
                JourneyRows.Of("with, end to end p99", "ms", with, run => run.EndToEndMillis(99)),
                JourneyRows.Of("without, end to end p50", "ms", without, run => run.EndToEndMillis(50)),
                JourneyRows.Of("with, end to end p50", "ms", with, run => run.EndToEndMillis(50)),
                JourneyRows.Of("with, answered 503", "requests", with, run => run.Load.Refused),
            ],
            $"{Destinations} destinations (127.0.0.1 to 127.0.0.{Destinations}), of which {Hanging} hang for "
                + $"{duration.TotalSeconds:N0} s; open loop at half of saturation, `sqlite`. "
                + "From the time at which a request was due to the arrival of its callback; a healthy one that "
                + "did not come counts as late as the run was long."
        );
    }
}
