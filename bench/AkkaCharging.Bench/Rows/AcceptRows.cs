using System.Globalization;
using AkkaCharging.Bench.Driving;
using AkkaCharging.Bench.Processes;
using AkkaCharging.Bench.Receiver;
using AkkaCharging.Bench.Reporting;

namespace AkkaCharging.Bench.Rows;

/// <summary>
/// How soon a caller has its answer: at half of what the service can do, and while something behind it does not go on.
/// </summary>
internal static class AcceptRows
{
    private const double GoalMillis = 10;
    private const string OpenLoop =
        "Open loop at half of the closed loop's journeys/s; latency counts from the time at which the request was due.";

    /// <summary>Journal <c>sqlite</c>, nothing wrong, beside the bare peer at its own half.</summary>
    public static async Task<IReadOnlyList<Figure>> HalfLoadAsync(
        Session session,
        IReadOnlyDictionary<string, double> saturation
    )
    {
        var runs = await session.CompareAsync(
            [Targets.Bare, JourneyRows.Sqlite],
            name => JourneyRows.StartAsync(session, name),
            target => session.OfferAsync(target, saturation[target.Name] / 2, isWarm: true),
            session.Options.Rounds
        );
        var (ours, bare) = (runs[JourneyRows.Sqlite], runs[Targets.Bare]);
        var judged = JourneyRows.Of("sqlite, accept p99", "ms", ours, run => run.AcceptMillis(99));
        var accept = new Figure(
            Key: "accept-half",
            Title: "accept p99, open loop at half of saturation, `sqlite`",
            Goal: "< 10 ms",
            IsMet: judged.Median < GoalMillis,
            Judged: judged,
            Others:
            [
                JourneyRows.Of("sqlite, accept p50", "ms", ours, run => run.AcceptMillis(50)),
                JourneyRows.Of("sqlite, accept p99.9", "ms", ours, run => run.AcceptMillis(99.9)),
                new("sqlite, offered", "requests/s", [saturation[JourneyRows.Sqlite] / 2]),
                JourneyRows.Of("bare peer, accept p99", "ms", bare, run => run.AcceptMillis(99)),
                new("bare peer, offered", "requests/s", [saturation[Targets.Bare] / 2]),
                JourneyRows.Of("sqlite", "cpu us a journey", ours, run => run.ServiceMicros),
                JourneyRows.Of("driver lag p99", "ms", ours, run => LoadResult.Millis(run.Load.DriverLag, 99)),
                JourneyRows.Of("other machines of the host", "processors busy", ours, run => run.StolenLoad),
            ],
            How: OpenLoop
        );
        var ratio = new Series(
            "sqlite / bare peer, p99",
            "ratio",
            [.. ours.Zip(bare, (a, b) => a.EndToEndMillis(99) / b.EndToEndMillis(99))]
        );
        var endToEnd = new Figure(
            Key: "end-to-end-half",
            Title: "from submission to callback, p99, at half of saturation, `sqlite`, against the bare peer",
            Goal: "≤ 2",
            IsMet: ratio.Median <= 2,
            Judged: ratio,
            Others:
            [
                JourneyRows.Of("sqlite, end to end p50", "ms", ours, run => run.EndToEndMillis(50)),
                JourneyRows.Of("sqlite, end to end p99", "ms", ours, run => run.EndToEndMillis(99)),
                JourneyRows.Of("bare peer, end to end p50", "ms", bare, run => run.EndToEndMillis(50)),
                JourneyRows.Of("bare peer, end to end p99", "ms", bare, run => run.EndToEndMillis(99)),
            ],
            How: OpenLoop + " Each side at half of its own saturation."
        );
        return [accept, endToEnd];
    }

    /// <summary>The queue is full, the authorizer hangs, every receiver hangs.</summary>
    public static async Task<IReadOnlyList<Figure>> UnderFaultsAsync(Session session, double saturation)
    {
        var hangingAuthorizer = Faults.PatientDelivery(queue: 1_000_000);
        foreach (var (name, value) in Faults.AskingTheReceiver(session))
            hangingAuthorizer[name] = value;
        return
        [
            await MeasureAsync(
                "accept-queue-full",
                "when the queue is full",
                Faults.PatientDelivery(queue: 100),
                ledger => ledger.HangFrom = 0,
                "A queue of 100 and a receiver that hangs: nearly every answer is a 503."
            ),
            await MeasureAsync(
                "accept-authorizer-hangs",
                "when the authorizer hangs",
                hangingAuthorizer,
                ledger => ledger.Authorizer = (long)AuthorizerMode.Hangs,
                "`authorization.provider = http`, and nobody answers there; the queue has room."
            ),
            await MeasureAsync(
                "accept-receivers-hang",
                "when every receiver hangs",
                Faults.PatientDelivery(queue: 1_000_000),
                ledger => ledger.HangFrom = 0,
                "The queue has room for a million."
            ),
        ];

        async Task<Figure> MeasureAsync(
            string key,
            string when,
            Dictionary<string, string> settings,
            Action<Ledger> begin,
            string how
        )
        {
            var runs = new List<Run>();
            session.AuthorizesByList = false;
            for (var round = 0; round < (session.Options.IsShort ? 1 : session.Options.Rounds); round++)
            {
                await using var target = await session.Targets.ServiceAsync(key, settings);
                await Faults.WarmUpAsync(session, target);
                begin(session.Ledger);
                runs.Add(
                    await session.DriveAsync(
                        target,
                        new LoadPlan(
                            target.EndPoints,
                            session.OneDestination(),
                            session.Options.Connections,
                            session.WarmUp,
                            session.Duration,
                            saturation / 2,
                            RefusalsAreFine: true
                        ),
                        hasFaults: true
                    )
                );
                await session.SettleAllAsync();
            }

            session.AuthorizesByList = true;
            var judged = JourneyRows.Of("answer p99", "ms", runs, run => LoadResult.Millis(run.Load.Answer, 99));
            return new(
                Key: key,
                Title: $"answer p99, open loop at half of saturation, `sqlite`, {when}",
                Goal: "< 10 ms",
                IsMet: judged.Median < GoalMillis,
                Judged: judged,
                Others:
                [
                    JourneyRows.Of("answer p50", "ms", runs, run => LoadResult.Millis(run.Load.Answer, 50)),
                    JourneyRows.Of("200, p99", "ms", runs, run => run.AcceptMillis(99)),
                    JourneyRows.Of("503, p99", "ms", runs, run => LoadResult.Millis(run.Load.Refuse, 99)),
                    JourneyRows.Of("answered 200", "requests", runs, run => run.Load.Accepted.Count),
                    JourneyRows.Of("answered 503", "requests", runs, run => run.Load.Refused),
                ],
                How: $"{how} {OpenLoop} Afterwards the fault ends, and every accepted request must be called back."
            );
        }
    }
}

/// <summary>Settings of rows with faults.</summary>
internal static class Faults
{
    /// <summary>Retries until the fault is over, so that nothing that was accepted may be lost.</summary>
    public static Dictionary<string, string> PatientDelivery(int queue) =>
        new(StringComparer.Ordinal)
        {
            ["QUEUE_MAX_SIZE"] = queue.ToString(CultureInfo.InvariantCulture),
            ["QUEUE_DESTINATION_SHARE"] = "1000",
            ["REQUEST_MAX_AGE_MILLIS"] = "86400000",
            ["CALLBACK_MAX_RETRIES"] = "100",
            ["CALLBACK_MAX_RETRY_DELAY_MILLIS"] = "1000",
            ["CALLBACK_DESTINATION_BREAKER_RESET_TIMEOUT_MILLIS"] = "1000",
        };

    /// <summary>
    /// The same with room for <paramref name="pending"/> requests to a receiver that has never answered: half of the
    /// queue is kept for those that have.
    /// </summary>
    public static Dictionary<string, string> PatientPending(int pending) => PatientDelivery((2 * pending) + 100_000);

    /// <summary>Decisions come from the receiver, and are waited for as long as it takes.</summary>
    public static Dictionary<string, string> AskingTheReceiver(Session session) =>
        new(StringComparer.Ordinal)
        {
            ["AUTHORIZATION_PROVIDER"] = "http",
            ["AUTHORIZATION_HTTP_URL"] = session.AuthorizerUrl,
            ["AUTHORIZATION_TIMEOUT_MILLIS"] = "3600000",
            ["AUTHORIZATION_HTTP_ATTEMPT_TIMEOUT_MILLIS"] = "3600000",
            ["AUTHORIZATION_MAX_RETRIES"] = "100",
            ["AUTHORIZATION_CIRCUIT_BREAKER_ENABLED"] = "false",
        };

    /// <summary>
    /// Healthy load, so that the fault does not meet code that was never run; no more of it than the smallest queue of
    /// these rows holds.
    /// </summary>
    public static Task<Run> WarmUpAsync(Session session, RunningTarget target) =>
        session.WarmUpAsync(target, window: 64, hasFaults: true);
}
