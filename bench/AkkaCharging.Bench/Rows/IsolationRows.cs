using AkkaCharging.Bench.Driving;
using AkkaCharging.Bench.Processes;
using AkkaCharging.Bench.Reporting;

namespace AkkaCharging.Bench.Rows;

/// <summary>What healthy requests notice of others whose receivers hang or fail.</summary>
internal static class IsolationRows
{
    private const int Destinations = 10;
    private const int Hanging = 2;
    private const double Goal = 1.2;

    private const int EveryFailing = 20;

    private const int Hangers = 150;
    private const int RequestsEach = 4;
    private const int NewReceivers = 5;
    private const int NewHealthy = 4;
    private const double NewRate = 400;
    private const double NewGoal = 1.5;
    private const double NewGoalMillis = 20;

    // Longer than callback.timeoutMillis: until then hanging deliveries only pile up.
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(12);

    public static async Task<IReadOnlyList<Figure>> RunAsync(Session session, double saturation) =>
        [
            await FifthHangsAsync(session, saturation),
            await SomeFailTwiceAsync(session, saturation),
            await NewBesideHangingAsync(session),
        ];

    private static async Task<Figure> FifthHangsAsync(Session session, double saturation)
    {
        List<Run> without = [],
            with = [];
        var hosts = Hosts(network: 0, Destinations);
        var submissions = ToEach(session, hosts);
        var settings = Faults.PatientDelivery(queue: 100_000);
        settings["CALLBACK_SECURITY_ALLOW"] = Allow(hosts);
        var duration = AtLeastShortest(session);
        for (var round = 0; round < RoundsWithHanging(session); round++)
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

        var judged = Ratio(without, with);
        return new(
            Key: "isolation",
            Title: "healthy destinations' callback p99 while 20 % of destinations hang, against without",
            Goal: "≤ 1.2",
            IsMet: judged.Median <= Goal,
            Judged: judged,
            Others:
            [
                .. EndToEnd(without, with),
                JourneyRows.Of("with, answered 503", "requests", with, run => run.Load.Refused),
            ],
            How: $"{Destinations} destinations (127.0.0.1 to 127.0.0.{Destinations}), of which {Hanging} hang for "
                + $"{duration.TotalSeconds:N0} s; open loop at half of saturation, `sqlite`. "
                + "From the time at which a request was due to the arrival of its callback; a healthy one that "
                + "did not come counts as late as the run was long."
        );
    }

    /// <summary>One receiver fails the first two attempts of some requests and answers all others.</summary>
    private static async Task<Figure> SomeFailTwiceAsync(Session session, double saturation)
    {
        List<Run> without = [],
            with = [];
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["CALLBACK_RETRY_DELAY_MILLIS"] = "50",
        };
        await using var target = await session.Targets.ServiceAsync("fails twice", settings);
        await session.WarmUpAsync(target);
        var plan = new LoadPlan(
            target.EndPoints,
            new Submissions([.. Enumerable.Range(0, EveryFailing).Select(number => session.Url(number))]),
            session.Options.Connections,
            session.WarmUp,
            session.Duration,
            saturation / 2,
            IsHealthy: IsHealthy
        );
        for (var round = 0; round < session.Options.Rounds; round++)
        {
            // Every second round the other way round: the first run of a process is the coldest.
            if (round % 2 == 1)
                with.Add(await DriveFailingAsync());
            without.Add(await session.DriveAsync(target, plan));
            if (round % 2 == 0)
                with.Add(await DriveFailingAsync());
        }

        return new(
            "isolation-fails-twice",
            "healthy requests' callback p99 while 5 % of the same receiver's requests fail twice, against without",
            Goal: null,
            IsMet: null,
            Ratio(without, with),
            [
                .. EndToEnd(without, with),
                JourneyRows.Of("with, failing twice, delivered", "requests", with, Failing),
                JourneyRows.Of("with, failing twice, end to end p50", "ms", with, run => Faulty(run, 50)),
                JourneyRows.Of("with, failing twice, end to end p99", "ms", with, run => Faulty(run, 99)),
            ],
            $"One receiver, which answers every {EveryFailing}th request 500 at its first two attempts and 204 at its "
                + "third; open loop at half of saturation, `sqlite`, `callback.retryDelayMillis = 50`. Every request "
                + "must be delivered, the failing ones by exactly three attempts; none may be refused."
        );

        async Task<Run> DriveFailingAsync()
        {
            var failedBefore = session.Ledger.Failed;
            session.Ledger.FailTwiceFrom = EveryFailing - 1;
            var run = await session.DriveAsync(target, plan);
            session.Ledger.FailTwiceFrom = long.MaxValue;
            var (failed, expected) = (session.Ledger.Failed - failedBefore, 2 * Failing(run));
            return failed == expected
                ? run
                : throw new InvalidRunException(
                    $"{target.Name}: {failed} attempts were answered 500 instead of {expected}"
                );
        }

        static bool IsHealthy(int sequence) => sequence % EveryFailing != EveryFailing - 1;

        static double Failing(Run run) => run.Load.Accepted.Count(sequence => !IsHealthy(sequence));

        static double Faulty(Run run, double percentile) => LoadResult.Millis(run.Load.EndToEndFaulty, percentile);
    }

    /// <summary>Receivers that the service has never called, beside many that hang and hold its free slots.</summary>
    private static async Task<Figure> NewBesideHangingAsync(Session session)
    {
        List<Run> without = [],
            with = [];
        var hanging = Hosts(network: 1, Hangers);
        var (first, second, third) = (NewHosts(network: 2), NewHosts(network: 3), NewHosts(network: 4));
        var settings = Faults.PatientDelivery(queue: 2_000);
        settings.Remove("QUEUE_DESTINATION_SHARE"); // shares of the queue are part of what is measured
        settings["CALLBACK_MAX_IN_FLIGHT"] = "256";
        settings["CALLBACK_SECURITY_ALLOW"] = Allow(["127.0.0.1", .. hanging, .. first, .. second, .. third]);
        var duration = AtLeastShortest(session);
        for (var round = 0; round < RoundsWithHanging(session); round++)
        {
            await using var target = await session.Targets.ServiceAsync("new receivers", settings);
            await Faults.WarmUpAsync(session, target);
            // So that neither side is the coldest, of which one alone has receivers that hang: one does here, too.
            session.Ledger.HangFrom = NewHealthy;
            await DriveNewAsync(target, first, AtLeastShortest(session));
            await session.SettleAllAsync();
            without.Add(await DriveNewAsync(target, second, duration));
            session.Ledger.HangFrom = NewHealthy; // the last of the new ones, and all of those that follow it
            await session.DriveAsync(
                target,
                new LoadPlan(
                    target.EndPoints,
                    ToEach(session, hanging, firstNumber: NewReceivers),
                    session.Options.Connections,
                    TimeSpan.Zero,
                    TimeSpan.FromSeconds(10),
                    Rate: 2_000,
                    CountMax: Hangers * RequestsEach
                ),
                hasFaults: true
            );
            with.Add(await DriveNewAsync(target, third, duration));
            await session.SettleAllAsync();
        }

        var judged = Ratio(without, with);
        var added = new Series(
            "with - without",
            "ms of p99",
            [.. with.Zip(without, (a, b) => a.EndToEndMillis(99) - b.EndToEndMillis(99))]
        );
        return new(
            Key: "isolation-new-receivers",
            Title: $"new healthy receivers' callback p99 beside {Hangers} receivers that hang, against without",
            Goal: "≤ 1.5, or + 20 ms",
            IsMet: judged.Median <= NewGoal || added.Median <= NewGoalMillis,
            Judged: judged,
            Others:
            [
                added,
                .. EndToEnd(without, with),
                JourneyRows.Of("without, slowest", "ms", without, run => run.EndToEndMillis(100)),
                JourneyRows.Of("with, slowest", "ms", with, run => run.EndToEndMillis(100)),
                JourneyRows.Of("without, accept p99", "ms", without, run => run.AcceptMillis(99)),
                JourneyRows.Of("with, accept p99", "ms", with, run => run.AcceptMillis(99)),
                JourneyRows.Of("with, answered 503, all to the one that hangs", "requests", with, Refused),
            ],
            How: $"{Hangers} receivers that hang, with {RequestsEach} requests each, then {NewRate} requests/s for "
                + $"{duration.TotalSeconds:N0} s to {NewReceivers} receivers that the service has never called, of "
                + $"which one hangs too; without: {NewReceivers} other new ones, and nothing hangs. Open loop, "
                + "`sqlite`, `callback.maxInFlight = 256`, `queue.maxSize = 2000`. The first callbacks count: there "
                + "is no warm-up with these receivers. No request to a healthy receiver may be refused; one that did "
                + "not come counts as late as the run was long."
        );

        static bool IsHealthy(int sequence) => sequence % NewReceivers < NewHealthy;

        static double Refused(Run run) => run.Load.Refused;

        static List<string> NewHosts(int network) => Hosts(network, NewReceivers);

        async Task<Run> DriveNewAsync(RunningTarget target, IReadOnlyList<string> hosts, TimeSpan length)
        {
            var run = await session.DriveAsync(
                target,
                new LoadPlan(
                    target.EndPoints,
                    ToEach(session, hosts),
                    session.Options.Connections,
                    TimeSpan.Zero,
                    length,
                    NewRate,
                    RefusalsAreFine: true,
                    IsHealthy: IsHealthy
                ),
                hasFaults: true
            );
            return run.Load.RefusedHealthy == 0
                ? run
                : throw new InvalidRunException(
                    $"{target.Name}: {run.Load.RefusedHealthy} requests to healthy receivers were refused"
                );
        }
    }

    private static List<string> Hosts(int network, int count) =>
        [.. Enumerable.Range(1, count).Select(number => $"127.0.{network}.{number}")];

    private static string Allow(IReadOnlyList<string> hosts) => string.Join(',', hosts.Select(host => $"{host}/32"));

    private static Submissions ToEach(Session session, IReadOnlyList<string> hosts, int firstNumber = 0) =>
        new([.. hosts.Select((host, index) => session.Url(firstNumber + index, host))]);

    private static TimeSpan AtLeastShortest(Session session) =>
        session.Duration > Shortest ? session.Duration : Shortest;

    private static int RoundsWithHanging(Session session) => session.Options.IsShort ? 1 : session.Options.Rounds;

    private static Series Ratio(List<Run> without, List<Run> with) =>
        new(
            "with / without",
            "ratio of p99",
            [.. with.Zip(without, (a, b) => a.EndToEndMillis(99) / b.EndToEndMillis(99))]
        );

    private static IEnumerable<Series> EndToEnd(List<Run> without, List<Run> with) =>
        [
            JourneyRows.Of("without, end to end p99", "ms", without, run => run.EndToEndMillis(99)),
            JourneyRows.Of("with, end to end p99", "ms", with, run => run.EndToEndMillis(99)),
            JourneyRows.Of("without, end to end p50", "ms", without, run => run.EndToEndMillis(50)),
            JourneyRows.Of("with, end to end p50", "ms", with, run => run.EndToEndMillis(50)),
        ];
}
