using AkkaCharging.Bench.Driving;
using AkkaCharging.Bench.Processes;
using AkkaCharging.Bench.Receiver;
using AkkaCharging.Bench.Reporting;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Bench.Rows;

/// <summary>
/// Hours in minutes: 70 % of saturation while faults come and go. At the end everything is as at the beginning, and
/// nothing was lost.
/// </summary>
internal static class SoakProfile
{
    private const double Load = 0.7;
    private const int Destinations = 10;
    private const int Hanging = 2;
    private const double QuietShare = 0.2; // of the length, at the beginning and again at the end

    // idle connections are kept for 30 s, and what is compared comes after that
    private const int QuietSegmentsMin = 16;
    private static readonly TimeSpan Segment = TimeSpan.FromSeconds(5);

    // shorter than a submission waits for the journal
    private static readonly TimeSpan LockTime = TimeSpan.FromSeconds(2);

    // A fault lasts two segments, and quiet ones lie between.
    private static readonly Fault[] Cycle =
    [
        Fault.None,
        Fault.ReceiversHang,
        Fault.ReceiversHang,
        Fault.None,
        Fault.AuthorizerFails,
        Fault.AuthorizerFails,
        Fault.None,
        Fault.JournalSlow,
        Fault.JournalSlow,
    ];

    private enum Fault
    {
        None,
        ReceiversHang,
        AuthorizerFails,
        JournalSlow,
    }

    public static async Task RunAsync(Session session, List<Figure> figures, List<string> plots)
    {
        session.AuthorizesByList = false;
        var home = session.Targets.NewFolder("soak");
        var hosts = Enumerable.Range(1, Destinations).Select(number => $"127.0.0.{number}").ToList();
        var submissions = new Submissions([.. hosts.Select((host, number) => session.Url(number, host))]);
        await using var target = await session.Targets.ServiceAsync("soak", Settings(session, hosts), home);
        var saturation = (await session.SaturateAsync(target, submissions)).PerSecond;

        var asked = (int)(TimeSpan.FromMinutes(session.Options.SoakMinutes) / Segment);
        var quiet = Math.Max(QuietSegmentsMin, (int)(asked * QuietShare));
        var segments = Math.Max(asked, quiet * 2 + Cycle.Length);
        var samples = new List<Sample>();
        double heapBefore = 0;
        for (var number = 0; number < segments; number++)
        {
            var fault =
                number < quiet || number >= segments - quiet ? Fault.None : Cycle[(number - quiet) % Cycle.Length];
            if (number == quiet)
                heapBefore = target.Process.Heap(collects: true).HeapBytes / 1e6;
            samples.Add(
                await SegmentAsync(
                    session,
                    target,
                    submissions,
                    saturation * Load,
                    fault,
                    Path.Combine(home, "journal.db")
                )
            );
        }

        await session.SettleAllAsync();
        Summarize(
            session,
            samples,
            compared: quiet / 2,
            heap: (heapBefore, target.Process.Heap(collects: true).HeapBytes / 1e6),
            saturation: saturation,
            figures: figures,
            plots: plots
        );
    }

    private static Dictionary<string, string> Settings(Session session, List<string> hosts)
    {
        var settings = Faults.PatientDelivery(queue: 1_000_000);
        settings["JOURNAL_PATH"] = "journal.db";
        settings["CALLBACK_SECURITY_ALLOW"] = string.Join(',', hosts.Select(host => $"{host}/32"));
        settings["AUTHORIZATION_PROVIDER"] = "http";
        settings["AUTHORIZATION_HTTP_URL"] = session.AuthorizerUrl;
        settings["AUTHORIZATION_CIRCUIT_BREAKER_RESET_TIMEOUT_MILLIS"] = "2000";
        return settings;
    }

    private static async Task<Sample> SegmentAsync(
        Session session,
        RunningTarget target,
        Submissions submissions,
        double rate,
        Fault fault,
        string journal
    )
    {
        session.Ledger.HangFrom = fault == Fault.ReceiversHang ? Destinations - Hanging : long.MaxValue;
        session.Ledger.Authorizer = (long)(
            fault == Fault.AuthorizerFails ? AuthorizerMode.Fails : AuthorizerMode.Allows
        );
        var slow = fault == Fault.JournalSlow ? LockAsync(journal) : Task.CompletedTask;
        var run = await session.DriveAsync(
            target,
            new LoadPlan(
                target.EndPoints,
                submissions,
                session.Options.Connections,
                TimeSpan.Zero,
                Segment,
                rate,
                RefusalsAreFine: fault != Fault.None,
                IsHealthy: sequence => sequence % Destinations < Destinations - Hanging
            ),
            hasFaults: true
        );
        await slow;
        var id = target.Process.Id;
        return new(
            AcceptMillis: LoadResult.Millis(run.Load.Answer, 99),
            EndToEndMillis: run.EndToEndMillis(99),
            ResidentMegabytes: ProcFs.ResidentMegabytes(id),
            Handles: ProcFs.Handles(id),
            Threads: ProcFs.Threads(id),
            Accepted: run.Load.Accepted.Count,
            Refused: run.Load.Refused
        );
    }

    /// <summary>Another writer on the journal's file, for two seconds.</summary>
    private static async Task LockAsync(string journal)
    {
        await using var connection = new SqliteConnection($"Data Source={journal};Pooling=False");
        await connection.OpenAsync();
        await using var transaction = connection.BeginTransaction(deferred: false);
        await Task.Delay(LockTime);
        await transaction.RollbackAsync();
    }

    private static void Summarize(
        Session session,
        List<Sample> samples,
        int compared,
        (double Before, double After) heap,
        double saturation,
        List<Figure> figures,
        List<string> plots
    )
    {
        // the first half of the quiet beginning warms up, that of the quiet end cools down
        var first = samples.Take(compared * 2).Skip(compared).ToList();
        var last = samples.TakeLast(compared).ToList();
        var how =
            $"Open loop at {Load:P0} of {saturation:N0} journeys/s for "
            + $"{samples.Count * Segment.TotalSeconds / 60:N1} minutes; receivers hang, the authorizer fails, the "
            + "journal is locked, in turn. "
            + "Medians of the segments at the end of the quiet beginning and of the quiet end.";
        Compare("heap after a collection", "MB", heap.Before, heap.After, factor: 1.2, slack: 16);
        // the runtime gives memory back slowly
        Flat("resident", "MB", sample => sample.ResidentMegabytes, factor: 1.5, slack: 64);
        Flat("handles", "open", sample => sample.Handles, factor: 1.1, slack: 64);
        Flat("threads", "threads", sample => sample.Threads, factor: 1, slack: 16);
        Flat("accept p99", "ms", sample => sample.AcceptMillis, factor: 2, slack: 5);
        Flat("end to end p99", "ms", sample => sample.EndToEndMillis, factor: 2, slack: 10);
        figures.Add(
            new(
                Key: "soak-lost",
                Title: "accepted and never called back",
                Goal: "0",
                IsMet: true,
                Judged: new("lost", "requests", [0]),
                Others:
                [
                    new("accepted", "requests", [samples.Sum(sample => (double)sample.Accepted)]),
                    new("refused with 503", "requests", [samples.Sum(sample => (double)sample.Refused)]),
                ],
                How: how
            )
        );
        if (
            figures.Where(figure => figure.IsMet == false).Select(figure => figure.Title).ToList() is
            { Count: > 0 } grown
        )
            throw new InvalidRunException($"not flat at the end: {string.Join("; ", grown)}");

        void Compare(string name, string unit, double before, double after, double factor, double slack) =>
            figures.Add(
                new(
                    Key: $"soak-{name}",
                    Title: $"{name} at the end of the soak",
                    Goal: $"≤ {factor} × {before:N1} + {slack} {unit}",
                    IsMet: after <= before * factor + slack,
                    Judged: new(name, unit, [after]),
                    Others: [new("at the beginning", unit, [before])],
                    How: how
                )
            );

        void Flat(string name, string unit, Func<Sample, double> value, double factor, double slack)
        {
            Compare(
                name,
                unit,
                Statistics.Median(first.Select(value)),
                Statistics.Median(last.Select(value)),
                factor,
                slack
            );
            plots.Add(
                Plot.Write(
                    session.Options,
                    name: $"soak-{name.Replace(' ', '-')}",
                    title: $"{name} during the soak",
                    xTitle: "seconds",
                    x: [.. samples.Select((_, index) => index * Segment.TotalSeconds)],
                    yTitle: unit,
                    series: [new(name, unit, [.. samples.Select(value)])],
                    isLogarithmic: false
                )
            );
        }
    }

    private sealed record Sample(
        double AcceptMillis,
        double EndToEndMillis,
        double ResidentMegabytes,
        double Handles,
        double Threads,
        int Accepted,
        int Refused
    );
}
