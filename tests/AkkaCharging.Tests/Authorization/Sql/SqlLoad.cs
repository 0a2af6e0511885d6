using System.Diagnostics;
using System.Globalization;
using AkkaCharging.Authorization.Sql;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Testing.MariaDb;
using AkkaCharging.Tests.Journal.Postgres;
using Microsoft.Data.Sqlite;
using Xunit.Abstractions;

namespace AkkaCharging.Tests.Authorization.Sql;

/// <summary>Asks questions at a fixed rate, however long the answers take, and measures their times.</summary>
internal static class SqlLoad
{
    public const int Tags = 100_000;
    private const int Rate = 500;
    private const int Seconds = 10;

    /// <summary>
    /// The bound that any machine holds is on the median: a query that reads the whole table takes longer, and falls
    /// behind. The 99th percentile is written, for <c>docs/sql.md</c>.
    /// </summary>
    public static async Task MeasureAsync(SqlAuthorizerSettings settings, ITestOutputHelper output)
    {
        using var authorizer = new SqlAuthorizer(settings, TimeProvider.System);
        foreach (var _ in Enumerable.Range(0, 50))
            await SqlBench.AskAsync(authorizer, Tag(0));
        var questions = new List<Task<TimeSpan>>(Rate * Seconds);
        var started = Stopwatch.GetTimestamp();
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
        while (questions.Count < Rate * Seconds)
        {
            var due = Stopwatch.GetElapsedTime(started).TotalSeconds * Rate;
            while (questions.Count < due && questions.Count < Rate * Seconds)
                questions.Add(AskAsync(authorizer, Tag(questions.Count * 7919 % Tags)));
            await pace.WaitForNextTickAsync();
        }

        var taken = await Task.WhenAll(questions);
        Array.Sort(taken);
        output.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{settings.Kind}, ms: p50 {Percentile(50):0.00}, p99 {Percentile(99):0.00}, max {Percentile(100):0.00}"
            )
        );
        Assert.InRange(Percentile(50), 0, 20);

        double Percentile(int percent) => taken[Math.Max(0, (taken.Length * percent / 100) - 1)].TotalMilliseconds;
    }

    public static string Tag(int number) => $"TAG{number:D8}";

    private static async Task<TimeSpan> AskAsync(SqlAuthorizer authorizer, string tag)
    {
        var asked = Stopwatch.GetTimestamp();
        Assert.Equal("authorized", await SqlBench.AskAsync(authorizer, tag));
        return Stopwatch.GetElapsedTime(asked);
    }
}

[Collection(OneMariaDb.Name)]
[Trait("Category", "MariaDb")]
public sealed class SteveLoadTests(SharedMariaDb shared, ITestOutputHelper output)
{
    [Fact]
    public async Task HundredThousandTags_AreAnsweredAtFiveHundredASecond()
    {
        var connectionString = await shared.Server.NewDatabaseAsync();
        await MariaDbServer.ExecuteAsync(
            connectionString,
            $"""
            {SteveTests.Schema}
            insert into ocpp_tag (id_tag, max_active_transaction_count)
                select concat('TAG', lpad(seq, 8, '0')), 1 from seq_0_to_{SqlLoad.Tags - 1};
            insert into transaction_start (transaction_pk, evse_pk, id_tag)
                select seq + 1, 1, concat('TAG', lpad(seq, 8, '0')) from seq_0_to_{(SqlLoad.Tags / 2) - 1};
            insert into transaction_stop (transaction_pk) select transaction_pk from transaction_start;
            """
        );

        await SqlLoad.MeasureAsync(
            new(
                SqlKind.MySql,
                connectionString,
                Path.Combine(Repository.Root, "deploy/sql/steve.sql"),
                TimeSpan.FromSeconds(30),
                MaxConnections: 8
            ),
            output
        );
    }
}

[Collection(OnePostgres.Name)]
[Trait("Category", "Postgres")]
public sealed class CitrineosLoadTests(SharedPostgres postgres, ITestOutputHelper output)
{
    [Fact]
    public async Task HundredThousandTokens_AreAnsweredAtFiveHundredASecond()
    {
        var connectionString = await CitrineosTests.NewDatabaseAsync(postgres);
        await CitrineosTests.ExecuteAsync(
            connectionString,
            $"""
            insert into "Authorizations" ("idToken", "idTokenType")
                select 'TAG' || lpad(n::text, 8, '0'), 'ISO14443' from generate_series(0, {SqlLoad.Tags - 1}) n;
            analyze "Authorizations";
            """
        );

        await SqlLoad.MeasureAsync(
            new(
                SqlKind.Postgres,
                connectionString,
                Path.Combine(Repository.Root, "deploy/sql/citrineos.sql"),
                TimeSpan.FromSeconds(30),
                MaxConnections: 8
            ),
            output
        );
    }
}

[Trait("Category", "Component")]
public sealed class SqliteLoadTests(ITestOutputHelper output)
{
    [Fact]
    public async Task HundredThousandTags_AreAnsweredAtFiveHundredASecond()
    {
        using var bench = new SqlBench();
        var connectionString = $"Data Source={bench.PathOf("tags.db")}";
        await using (var connection = new SqliteConnection($"{connectionString};Pooling=False"))
        {
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
            command.CommandText = $"""
                create table tags (uid text primary key, decision text) without rowid;
                with recursive n(i) as (select 0 union all select i + 1 from n where i < {SqlLoad.Tags - 1})
                insert into tags select printf('TAG%08d', i), 'allowed' from n;
                """;
            await command.ExecuteNonQueryAsync();
        }

        await SqlLoad.MeasureAsync(
            bench.Settings(SqlKind.Sqlite, connectionString, "select decision from tags where uid = @token", 30_000),
            output
        );
    }
}
