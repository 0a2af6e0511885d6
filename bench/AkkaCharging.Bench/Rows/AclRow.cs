using System.Diagnostics;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Acl;
using AkkaCharging.Bench.Driving;
using AkkaCharging.Bench.Reporting;
using AkkaCharging.Requests;

namespace AkkaCharging.Bench.Rows;

/// <summary>An access list of a million rules.</summary>
internal static class AclRow
{
    private const int Rules = 1_000_000;
    private const int LookUps = 200_000;
    private const double MegabytesMax = 150;

    public static async Task<Figure> RunAsync(Session session)
    {
        var path = Path.Combine(session.Targets.NewFolder("acl"), "acl.csv");
        AccessList.Write(path, Rules);
        var queries = Queries();
        List<double> loads = [],
            megabytes = [],
            lookUps = [];
        for (var round = 0; round < session.Options.Rounds; round++)
        {
            var before = GC.GetTotalMemory(forceFullCollection: true);
            var started = Stopwatch.GetTimestamp();
            using var acl = new AclAuthorizer(path, TimeProvider.System);
            loads.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
            megabytes.Add((GC.GetTotalMemory(forceFullCollection: true) - before) / 1e6);
            started = Stopwatch.GetTimestamp();
            foreach (var query in queries)
                await acl.AuthorizeAsync(query, CancellationToken.None);
            lookUps.Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds / LookUps);
        }

        var (load, size, lookUp) = (
            new Series("load", "s", loads),
            new Series("heap", "MB", megabytes),
            new Series("look-up", "us", lookUps)
        );
        return new(
            Key: "acl",
            Title: "access list of a million rules: look-up",
            Goal: "load ≤ 5 s, ≤ 150 MB, look-up ≤ 1 µs",
            IsMet: load.Median <= 5 && size.Median <= MegabytesMax && lookUp.Median <= 1,
            Judged: lookUp,
            Others: [load, size],
            How: "In the harness's own process, with the service's code; one thread."
        );
    }

    private static List<AuthorizationQuery> Queries()
    {
        var random = new Random(1);
        var station = StationId.TryCreate("5f3c9a10-7b2e-4d61-9c0f-000000000000")!;
        var id = RequestId.New(TimeProvider.System.GetUtcNow());
        return
        [
            .. Enumerable
                .Range(0, LookUps)
                .Select(_ => new AuthorizationQuery(
                    id,
                    station,
                    DriverToken.TryCreate(AccessList.Token(random.Next(Rules)))!
                )),
        ];
    }
}
