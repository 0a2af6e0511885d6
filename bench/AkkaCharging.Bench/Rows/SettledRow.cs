using AkkaCharging.Bench.Reporting;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Bench.Rows;

/// <summary>What a journal that is full of settled requests costs the next one.</summary>
internal static class SettledRow
{
    // as journal.maxSettledRows: from then on each settled request pushes an old one out
    private const int Rows = 1_000_000;
    private const double Goal = 1.1;

    public static async Task<Figure> RunAsync(Session session)
    {
        var template = await FilledJournalAsync(session);
        List<Run> empty = [],
            full = [];
        for (var round = 0; round < session.Options.Rounds; round++)
        {
            if (round % 2 == 0)
                empty.Add(await MeasureAsync("empty", session.Targets.NewFolder("settled")));
            var home = session.Targets.NewFolder("settled");
            foreach (var file in Directory.GetFiles(template, "journal.db*"))
                File.Copy(file, Path.Combine(home, Path.GetFileName(file)));
            full.Add(await MeasureAsync("1M settled", home));
            if (round % 2 == 1)
                empty.Add(await MeasureAsync("empty", session.Targets.NewFolder("settled")));
        }

        var judged = new Series(
            "full / empty",
            "ratio of cpu time a journey",
            [.. full.Zip(empty, (a, b) => a.ServiceMicros / b.ServiceMicros)]
        );
        return new(
            Key: "settled",
            Title: "cost of a request with a million settled rows in the journal against an empty one, `sqlite`",
            Goal: "≤ 1.1",
            IsMet: judged.Median <= Goal,
            Judged: judged,
            Others:
            [
                new("empty / full", "ratio of journeys/s", [.. full.Zip(empty, (a, b) => b.PerSecond / a.PerSecond)]),
                JourneyRows.Of("empty", "journeys/s", empty, run => run.PerSecond),
                JourneyRows.Of("full", "journeys/s", full, run => run.PerSecond),
                JourneyRows.Of("empty", "cpu us a journey", empty, run => run.ServiceMicros),
                JourneyRows.Of("full", "cpu us a journey", full, run => run.ServiceMicros),
            ],
            How: "Closed loop. The rows are written into the journal's file beforehand; at a million, retention "
                + "deletes as many as are settled, and that is included."
        );

        async Task<Run> MeasureAsync(string name, string home)
        {
            await using var target = await session.Targets.ServiceAsync(
                name,
                new Dictionary<string, string> { ["JOURNAL_PATH"] = "journal.db" },
                home
            );
            return await session.SaturateAsync(target);
        }
    }

    private static async Task<string> FilledJournalAsync(Session session)
    {
        var home = session.Targets.NewFolder("settled-template");
        await using (
            await session.Targets.ServiceAsync(
                "template",
                new Dictionary<string, string> { ["JOURNAL_PATH"] = "journal.db" },
                home
            )
        )
        {
            // The service makes the tables and the keys.
        }

        await using var connection = new SqliteConnection(
            $"Data Source={Path.Combine(home, "journal.db")};Pooling=False"
        );
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = """
            PRAGMA synchronous = OFF;
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $rows)
            INSERT INTO request (id, station, token_masked, token_fingerprint, destination, accepted_at, expires_at,
                                 state, status, reason, decided_at, settled_at, attempts)
            SELECT unhex(printf('0190%08x70008000%012x', i, i)), '5f3c9a10-7b2e-4d61-9c0f-000000000000', 'benc***', randomblob(32),
                   'http://127.0.0.1:80', $now + i, $now + i, 'delivered', 'allowed', 'in_acl', $now + i, $now + i, '' FROM n;
            PRAGMA wal_checkpoint(TRUNCATE);
            """;
        command.Parameters.AddWithValue("$rows", Rows);
        command.Parameters.AddWithValue("$now", (TimeProvider.System.GetUtcNow() - TimeSpan.FromHours(1)).UtcTicks);
        await command.ExecuteNonQueryAsync();
        return home;
    }
}
