using System.Globalization;
using AkkaCharging.Bench.Driving;
using AkkaCharging.Bench.Processes;
using AkkaCharging.Bench.Reporting;
using AkkaCharging.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace AkkaCharging.Bench.Rows;

/// <summary>Partners over OCPI that are slow, and one that hangs beside one that is not.</summary>
internal static class OcpiRows
{
    private const double Rate = 500;
    private const int Tokens = 10;
    private const int TokensOfFirst = 5;
    private const double RatioMax = 1.1;
    private static readonly TimeSpan Quick = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Slow = TimeSpan.FromSeconds(2);

    // Some times as long as the slowest answers.
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(12);

    public static async Task<IReadOnlyList<Figure>> RunAsync(Session session)
    {
        await using var partners = new Partners();
        await partners.StartAsync();
        return
        [
            await SlowAsync(session, partners, "ocpi-50ms", Quick, goalMillis: 1_000),
            await SlowAsync(session, partners, "ocpi-2s", Slow, goalMillis: 3_000),
            await OneHangsAsync(session, partners),
        ];
    }

    private static async Task<Figure> SlowAsync(
        Session session,
        Partners partners,
        string key,
        TimeSpan delay,
        double goalMillis
    )
    {
        List<Run> runs = [];
        for (var round = 0; round < session.Options.Rounds; round++)
        {
            await using var target = await StartAsync(session, partners, parallelism: 700, attempt: 2_800);
            (partners.First, partners.Second) = (Quick, Quick);
            await WarmUpAsync(session, target);
            (partners.First, partners.Second) = (delay, delay);
            await WarmUpAsync(session, target); // opens the connections
            runs.Add(await session.DriveAsync(target, Plan(session, target)));
        }

        var p99 = JourneyRows.Of("end to end p99", "ms", runs, run => run.EndToEndMillis(99));
        return new(
            Key: key,
            Title: $"end to end p99 with eMSPs that answer in {delay.TotalMilliseconds:N0} ms, 500 questions/s",
            Goal: $"≤ {goalMillis:N0} ms",
            IsMet: p99.Median <= goalMillis,
            Judged: p99,
            Others:
            [
                JourneyRows.Of("end to end p50", "ms", runs, run => run.EndToEndMillis(50)),
                JourneyRows.Of("accept p99", "ms", runs, run => run.AcceptMillis(99)),
            ],
            How: "Two eMSPs in the harness' process, half of the tokens each, a question for each request. Open loop, "
                + "`sqlite`, `parallelism = 700` a partner, `authorization.parallelism = 2000`, "
                + "`answerWithinMillis = 3000`. Every request must be decided as the eMSP says."
        );
    }

    private static async Task<Figure> OneHangsAsync(Session session, Partners partners)
    {
        List<Run> without = [],
            with = [];
        for (var round = 0; round < session.Options.Rounds; round++)
        {
            await using var target = await StartAsync(session, partners, parallelism: 64, attempt: 1_500);
            (partners.First, partners.Second) = (Quick, Quick);
            await WarmUpAsync(session, target);
            without.Add(await session.DriveAsync(target, Plan(session, target), hasFaults: true));
            partners.Second = TimeSpan.FromMinutes(1);
            with.Add(await session.DriveAsync(target, Plan(session, target), hasFaults: true));
            await session.SettleAllAsync();
        }

        var ratio = new Series(
            "with / without",
            "ratio of p99",
            [.. with.Zip(without, (a, b) => a.EndToEndMillis(99) / b.EndToEndMillis(99))]
        );
        return new(
            Key: "ocpi-isolation",
            Title: "one eMSP's end to end p99 while the other hangs, against without",
            Goal: "≤ 1.1",
            IsMet: ratio.Median <= RatioMax,
            Judged: ratio,
            Others:
            [
                JourneyRows.Of("without, end to end p99", "ms", without, run => run.EndToEndMillis(99)),
                JourneyRows.Of("with, end to end p99", "ms", with, run => run.EndToEndMillis(99)),
                JourneyRows.Of("without, end to end p50", "ms", without, run => run.EndToEndMillis(50)),
                JourneyRows.Of("with, end to end p50", "ms", with, run => run.EndToEndMillis(50)),
            ],
            How: "As above; the one eMSP answers in 50 ms, the other never. `parallelism = 64` a partner, "
                + "`attemptTimeoutMillis = 1500`, the breaker as by default."
        );
    }

    // A cold process on a busy machine is late, and what it decides then says nothing.
    private static async Task WarmUpAsync(Session session, RunningTarget target)
    {
        await session.DriveAsync(target, Plan(session, target), hasFaults: true);
        await session.SettleAllAsync();
    }

    private static LoadPlan Plan(Session session, RunningTarget target) =>
        new(
            target.EndPoints,
            session.OneDestination(),
            session.Options.Connections,
            session.WarmUp,
            session.Duration > Shortest ? session.Duration : Shortest,
            Rate,
            Window: 8_192,
            IsHealthy: sequence => sequence % Tokens < TokensOfFirst
        );

    private static async Task<RunningTarget> StartAsync(
        Session session,
        Partners partners,
        int parallelism,
        int attempt
    )
    {
        var token = Path.Combine(session.Targets.NewFolder("ocpi"), "partner.token");
        await File.WriteAllTextAsync(token, "bench-credentials");
        var target = await session.Targets.ServiceAsync(
            "ocpi",
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["AUTHORIZATION_PROVIDER"] = "ocpi",
                ["AUTHORIZATION_PARALLELISM"] = "2000",
                ["AUTHORIZATION_ANSWER_WITHIN_MILLIS"] = "3000",
                ["AUTHORIZATION_OCPI_COUNTRY_CODE"] = "DE",
                ["AUTHORIZATION_OCPI_PARTY_ID"] = "ALL",
                ["AUTHORIZATION_OCPI_ATTEMPT_TIMEOUT_MILLIS"] = attempt.ToString(CultureInfo.InvariantCulture),
                ["AUTHORIZATION_OCPI_PARTNERS"] =
                    $"[{Entry("first", "NL-ONE", 0, TokensOfFirst)},"
                    + $"{Entry("second", "NL-TWO", TokensOfFirst, Tokens)}]",
            }
        );
        return target;

        string Entry(string name, string party, int from, int to) =>
            $$"""
            {"name":"{{name}}","tokensUrl":"{{partners.Url}}/{{name}}","tokenFile":"{{token}}","parties":["{{party}}"],
             "parallelism":{{parallelism}},"tokenPrefixes":[{{string.Join(
                ',',
                Enumerable.Range(from, to - from).Select(number => $"\"{AccessList.Token(number)}\"")
            )}}]}
            """;
    }

    /// <summary>Two eMSPs, which know the tokens that the access list has.</summary>
    private sealed class Partners : IAsyncDisposable
    {
        private static readonly string Unknown = AccessList.Token(Tokens - 1);
        private readonly WebApplication _server = LoopbackServer.Build();
        private readonly CancellationTokenSource _ended = new();

        /// <summary>How long the first takes to answer.</summary>
        public TimeSpan First { get; set; }

        /// <summary>How long the second takes to answer.</summary>
        public TimeSpan Second { get; set; }

        public string Url => _server.Urls.Single();

        public async Task StartAsync()
        {
            _server.MapPost("/first/{uid}/authorize", (string uid) => AnswerAsync(uid, First));
            _server.MapPost("/second/{uid}/authorize", (string uid) => AnswerAsync(uid, Second));
            await _server.StartAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await _ended.CancelAsync();
            await _server.DisposeAsync();
            _ended.Dispose();
        }

        private async Task<IResult> AnswerAsync(string uid, TimeSpan delay)
        {
            try
            {
                await Task.Delay(delay, _ended.Token);
            }
            catch (OperationCanceledException)
            {
                return Results.StatusCode(StatusCodes.Status503ServiceUnavailable);
            }

            const string now = "2026-01-31T18:00:00Z";
            return uid == Unknown
                ? Results.Json(new { status_code = 2004, timestamp = now })
                : Results.Json(
                    new
                    {
                        status_code = 1000,
                        timestamp = now,
                        data = new { allowed = "ALLOWED" },
                    }
                );
        }
    }
}
