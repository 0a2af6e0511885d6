using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using AkkaCharging.Bench.Driving;
using AkkaCharging.Bench.Processes;
using AkkaCharging.Bench.Receiver;
using AkkaCharging.Bench.Reporting;
using AkkaCharging.Testing;

namespace AkkaCharging.Bench.Rows;

/// <summary>What pending requests cost, and how soon they are taken up again after a kill.</summary>
internal static class PendingRows
{
    private const int GoalPerSecond = 20_000;
    private const double ProbeRate = 50;
    private static readonly TimeSpan FillBound = TimeSpan.FromMinutes(30);

    /// <summary>
    /// The heap for each pending request, journal <c>memory</c>; the process is then killed, and the requests with it.
    /// </summary>
    public static async Task<Figure> MemoryAsync(Session session, int pending)
    {
        session.Ledger.Authorizer = (long)AuthorizerMode.Hangs;
        var settings = Settings(session, pending);
        settings["JOURNAL_KIND"] = "memory";
        await using var target = await session.Targets.ServiceAsync("pending-memory", settings);
        var (bytes, resident) = await FillAsync(session, target, pending);
        session.ForgetOwed(); // journal.kind = memory says so itself
        session.Ledger.Authorizer = (long)AuthorizerMode.Allows;
        return new(
            Key: "pending-memory",
            Title: $"memory for each pending request, {pending:N0} pending, journal `memory`",
            Goal: "≤ 1 KB at a million",
            IsMet: IsGood(bytes, pending),
            Judged: new("heap", "bytes a request", [bytes]),
            Others: [new("resident", "bytes a request", [resident])],
            How: "The authorizer hangs, so that nothing moves. Growth of the garbage-collected heap, after a full "
                + "collection before and after, and of the resident set, divided by the requests."
        );
    }

    /// <summary>
    /// The same with <c>sqlite</c>; then the process is killed, started again, and has to take all of them up while it
    /// serves.
    /// </summary>
    public static async Task<IReadOnlyList<Figure>> RecoveryAsync(Session session, int pending)
    {
        session.Ledger.Authorizer = (long)AuthorizerMode.Hangs;
        var settings = Settings(session, pending);
        settings["SERVER_PORT"] = $"{FreePort.Next()}";
        var home = session.Targets.NewFolder("recovery");
        double bytes,
            resident;
        await using (var killed = await session.Targets.ServiceAsync("pending-sqlite", settings, home))
        {
            (bytes, resident) = await FillAsync(session, killed, pending);
            await killed.Process.KillAsync();
        }

        var started = Stopwatch.GetTimestamp();
        await using var target = await session.Targets.ServiceAsync("recovery", settings, home, awaitsReady: false);
        await target.ReadyAsync();
        var ready = Stopwatch.GetElapsedTime(started);
        var serving = session.DriveAsync(
            target,
            new LoadPlan(
                target.EndPoints,
                session.OneDestination(),
                4,
                TimeSpan.Zero,
                TimeSpan.FromSeconds(5),
                ProbeRate,
                RefusalsAreFine: true
            ),
            hasFaults: true
        );
        var takenUp = await TakenUpAsync(target, pending, started);
        var probe = await serving;
        var released = Stopwatch.GetTimestamp();
        await session.SettleAllAsync(TimeSpan.FromSeconds(60 + pending / 500.0));
        var delivered = Stopwatch.GetElapsedTime(released);
        session.Ledger.Authorizer = (long)AuthorizerMode.Allows;

        var rate = pending / takenUp.TotalSeconds;
        return
        [
            new(
                Key: "pending-sqlite",
                Title: $"memory for each pending request, {pending:N0} pending, journal `sqlite`",
                Goal: "≤ 1 KB at a million",
                IsMet: IsGood(bytes, pending),
                Judged: new("heap", "bytes a request", [bytes]),
                Others: [new("resident", "bytes a request", [resident])],
                How: "As with `memory`."
            ),
            new(
                Key: "recovery",
                Title: "pending requests taken up after a kill",
                Goal: $"≥ {GoalPerSecond:N0}/s, serving at once",
                IsMet: rate >= GoalPerSecond && probe.Load.Refused == 0,
                Judged: new("taken up", "requests/s", [rate]),
                Others:
                [
                    new("pending when it was killed", "requests", [pending]),
                    new("from the start of the process to ready", "s", [ready.TotalSeconds]),
                    new("from the start of the process to the last taken up", "s", [takenUp.TotalSeconds]),
                    new("answer p99 meanwhile", "ms", [LoadResult.Millis(probe.Load.Answer, 99)]),
                    new("answered 503 meanwhile", "requests", [probe.Load.Refused]),
                    new(
                        "decided and delivered afterwards",
                        "requests/s",
                        [(pending + probe.Load.Accepted.Count) / delivered.TotalSeconds]
                    ),
                ],
                How: "SIGKILL with the authorizer hanging; from the start of the new process, its runtime's "
                    + "included, until the journal's backlog is empty and `queue_size_current` has all of them, with "
                    + $"{ProbeRate} submissions a second beside. "
                    + "Then the authorizer answers, and every one must be called back."
            ),
        ];
    }

    private static bool? IsGood(double bytes, int pending) => pending < 1_000_000 ? null : bytes <= 1_024;

    private static Dictionary<string, string> Settings(Session session, int pending)
    {
        var settings = Faults.PatientPending(pending);
        foreach (var (name, value) in Faults.AskingTheReceiver(session))
            settings[name] = value;
        return settings;
    }

    private static async Task<(double Heap, double Resident)> FillAsync(
        Session session,
        RunningTarget target,
        int pending
    )
    {
        await session.DriveAsync(target, Plan(1_000), hasFaults: true); // what grows once, grows before
        var (heap, resident) = (
            target.Process.Heap(collects: true).HeapBytes,
            ProcFs.ResidentMegabytes(target.Process.Id)
        );
        await session.DriveAsync(target, Plan(pending - 1_000), hasFaults: true);
        return (
            (target.Process.Heap(collects: true).HeapBytes - heap) / (pending - 1_000.0),
            (ProcFs.ResidentMegabytes(target.Process.Id) - resident) * 1024 * 1024 / (pending - 1_000.0)
        );

        LoadPlan Plan(int count) =>
            new(
                target.EndPoints,
                session.OneDestination(),
                session.Options.Connections,
                TimeSpan.Zero,
                FillBound,
                Window: int.MaxValue,
                CountMax: count
            );
    }

    private static async Task<TimeSpan> TakenUpAsync(RunningTarget target, int pending, long started)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{target.Port}") };
        var takenUp = TimeSpan.Zero;
        await Eventually.HoldsAsync(
            async () =>
            {
                using var asked = new HttpRequestMessage(HttpMethod.Get, "/metrics")
                {
                    Headers = { Accept = { new("text/plain") } },
                };
                using var answer = await http.SendAsync(asked);
                var isTakenUp = (await answer.Content.ReadAsStringAsync())
                    .Split('\n')
                    .Contains("akkacharging_journal_backlog_requests 0", StringComparer.Ordinal);
                takenUp = Stopwatch.GetElapsedTime(started);
                return isTakenUp;
            },
            "all pending requests are taken up",
            TimeSpan.FromMinutes(5)
        );

        // Counts what is still in the journal as well: so it says that none is missing, not that all are taken up.
        var metrics = await http.GetFromJsonAsync<JsonElement>("/metrics");
        return metrics.GetProperty("queue_size_current").GetInt64() is var found && found >= pending
            ? takenUp
            : throw new InvalidRunException(
                $"{found:N0} of {pending:N0} pending requests were taken up after the kill"
            );
    }
}
