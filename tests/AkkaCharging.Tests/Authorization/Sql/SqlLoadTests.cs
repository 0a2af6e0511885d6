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

/// <summary>
/// Questions to a database of many tags. In the suite they are compared with those to a database of few, for both have
/// the same neighbours; how long they take at a fixed rate is measured on a machine that does nothing else.
/// </summary>
public abstract class SqlLoadTest(ITestOutputHelper output)
{
    private const int Many = 100_000;
    private const int Few = 100;
    private const int Compared = 200;
    private const int Rate = 500;
    private const int Seconds = 10;

    /// <summary>Reading all of the many tags takes 10 times as long and more.</summary>
    private const int RatioMax = 3;

    /// <summary>
    /// The best of many questions is what the query needs; the rest is the machine. They take turns, so that neither
    /// has the quieter time.
    /// </summary>
    [Fact]
    public async Task HundredThousandTags_AreAnsweredLikeAHundred()
    {
        using var ofMany = new SqlAuthorizer(await FillAsync(Many), TimeProvider.System);
        using var ofFew = new SqlAuthorizer(await FillAsync(Few), TimeProvider.System);
        var (timesOfMany, timesOfFew) = (new List<TimeSpan>(), new List<TimeSpan>());
        for (var i = 0; i < Compared; i++)
        {
            timesOfMany.Add(await AskAsync(ofMany, Tag(i * 7919 % Many)));
            timesOfFew.Add(await AskAsync(ofFew, Tag(i % Few)));
        }

        var (many, few) = (timesOfMany.Min().TotalMilliseconds, timesOfFew.Min().TotalMilliseconds);
        output.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Many:n0} tags {many:0.00} ms, {Few:n0} tags {few:0.00} ms, ratio {many / few:0.00}"
            )
        );
        Assert.InRange(many / few, 0, RatioMax);
    }

    /// <summary>A query that reads the whole table falls behind.</summary>
    [Fact]
    [Trait("Category", "Campaign")]
    public async Task HundredThousandTags_AreAnsweredAtFiveHundredASecond()
    {
        using var authorizer = new SqlAuthorizer(await FillAsync(Many), TimeProvider.System);
        foreach (var _ in Enumerable.Range(0, 50))
            await SqlBench.AskAsync(authorizer, Tag(0));
        var questions = new List<Task<TimeSpan>>(Rate * Seconds);
        var started = Stopwatch.GetTimestamp();
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
        while (questions.Count < Rate * Seconds)
        {
            var due = Stopwatch.GetElapsedTime(started).TotalSeconds * Rate;
            while (questions.Count < due && questions.Count < Rate * Seconds)
                questions.Add(AskAsync(authorizer, Tag(questions.Count * 7919 % Many)));
            await pace.WaitForNextTickAsync();
        }

        var taken = await Task.WhenAll(questions);
        Array.Sort(taken);
        output.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"ms: p50 {Percentile(50):0.00}, p99 {Percentile(99):0.00}, max {Percentile(100):0.00}"
            )
        );
        Assert.InRange(Percentile(50), 0, 20);

        double Percentile(int percent) => taken[Math.Max(0, (taken.Length * percent / 100) - 1)].TotalMilliseconds;
    }

    /// <summary>Makes a database of so many tags, <c>TAG00000000</c> and on, each of which may charge.</summary>
    private protected abstract Task<SqlAuthorizerSettings> FillAsync(int tags);

    private static string Tag(int number) => $"TAG{number:D8}";

    private static async Task<TimeSpan> AskAsync(SqlAuthorizer authorizer, string tag)
    {
        var asked = Stopwatch.GetTimestamp();
        Assert.Equal("authorized", await SqlBench.AskAsync(authorizer, tag));
        return Stopwatch.GetElapsedTime(asked);
    }
}

[Collection(OneMariaDb.Name)]
[Trait("Category", "MariaDb")]
public sealed class SteveLoadTests(SharedMariaDb shared, ITestOutputHelper output) : SqlLoadTest(output)
{
    private protected override async Task<SqlAuthorizerSettings> FillAsync(int tags)
    {
        var connectionString = await shared.Server.NewDatabaseAsync();
        await MariaDbServer.ExecuteAsync(
            connectionString,
            $"""
            {SteveTests.Schema}
            insert into ocpp_tag (id_tag, max_active_transaction_count)
                select concat('TAG', lpad(seq, 8, '0')), 1 from seq_0_to_{tags - 1};
            insert into transaction_start (transaction_pk, evse_pk, id_tag)
                select seq + 1, 1, concat('TAG', lpad(seq, 8, '0')) from seq_0_to_{(tags / 2) - 1};
            insert into transaction_stop (transaction_pk) select transaction_pk from transaction_start;
            """
        );
        return new(
            SqlKind.MySql,
            connectionString,
            Path.Combine(Repository.Root, "deploy/sql/steve.sql"),
            TimeSpan.FromSeconds(30),
            MaxConnections: 8
        );
    }
}

[Collection(OnePostgres.Name)]
[Trait("Category", "Postgres")]
public sealed class CitrineosLoadTests(SharedPostgres postgres, ITestOutputHelper output) : SqlLoadTest(output)
{
    private protected override async Task<SqlAuthorizerSettings> FillAsync(int tags)
    {
        var connectionString = await CitrineosTests.NewDatabaseAsync(postgres);
        await CitrineosTests.ExecuteAsync(
            connectionString,
            $"""
            insert into "Authorizations" ("idToken", "idTokenType")
                select 'TAG' || lpad(n::text, 8, '0'), 'ISO14443' from generate_series(0, {tags - 1}) n;
            analyze "Authorizations";
            """
        );
        return new(
            SqlKind.Postgres,
            connectionString,
            Path.Combine(Repository.Root, "deploy/sql/citrineos.sql"),
            TimeSpan.FromSeconds(30),
            MaxConnections: 8
        );
    }
}

[Trait("Category", "Component")]
public sealed class SqliteLoadTests(ITestOutputHelper output) : SqlLoadTest(output), IDisposable
{
    private readonly SqlBench _bench = new();

    public void Dispose() => _bench.Dispose();

    private protected override async Task<SqlAuthorizerSettings> FillAsync(int tags)
    {
        var connectionString = $"Data Source={_bench.PathOf($"{tags}.db")}";
        await using var connection = new SqliteConnection($"{connectionString};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = $"""
            create table tags (uid text primary key, decision text) without rowid;
            with recursive n(i) as (select 0 union all select i + 1 from n where i < {tags - 1})
            insert into tags select printf('TAG%08d', i), 'allowed' from n;
            """;
        await command.ExecuteNonQueryAsync();
        return _bench.Settings(
            SqlKind.Sqlite,
            connectionString,
            "select decision from tags where uid = @token",
            timeoutMillis: 30_000
        );
    }
}
