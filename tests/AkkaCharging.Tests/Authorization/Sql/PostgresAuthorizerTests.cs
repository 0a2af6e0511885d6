using System.Data.Common;
using AkkaCharging.Settings;
using AkkaCharging.Tests.Journal.Postgres;
using Npgsql;

namespace AkkaCharging.Tests.Authorization.Sql;

[Collection(OnePostgres.Name)]
[Trait("Category", "Postgres")]
public sealed class PostgresAuthorizerTests(SharedPostgres postgres) : SqlAuthorizerContract
{
    private protected override SqlKind Kind => SqlKind.Postgres;

    private protected override string Name => "the PostgreSQL database of authorization.sql";

    private protected override string Endless => "select 'allowed' as decision from pg_sleep(10) where @token <> ''";

    private protected override string OnlyForNumbers => "select 'allowed' as decision where @token::int > 0";

    private protected override string Lock => "begin; lock table tags in access exclusive mode";

    private protected override async Task<string> NewDatabaseAsync() =>
        new NpgsqlConnectionStringBuilder((await postgres.NewSettingsAsync()).ConnectionString)
        {
            ApplicationName = $"sql-{Guid.NewGuid():N}",
        }.ConnectionString;

    private protected override async Task<DbConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(ConnectionString)
            {
                Pooling = false,
                ApplicationName = "test",
            }.ConnectionString
        );
        await connection.OpenAsync();
        return connection;
    }

    private protected override async Task<long> RunningAsync() =>
        (long)
            (
                await ScalarAsync(
                    "select count(*) from pg_stat_activity where state = 'active' and application_name = '"
                        + $"{new NpgsqlConnectionStringBuilder(ConnectionString).ApplicationName}'"
                )
            )!;

    [Fact]
    public async Task Session_IsReadOnly_InUtc_AndBounded_WhateverTheConnectionStringSays()
    {
        var builder = new NpgsqlConnectionStringBuilder(ConnectionString)
        {
            Options = "-c default_transaction_read_only=off -c statement_timeout=0",
            Timezone = "Asia/Tokyo",
        };
        var authorizer = Bench.Create(
            Bench.Settings(
                Kind,
                builder.ConnectionString,
                """
                select 'allowed' as decision, concat_ws(' ', current_setting('transaction_read_only'),
                    current_setting('statement_timeout'), current_setting('TimeZone')) as info where @token <> ''
                """,
                timeoutMillis: 4_321
            )
        );

        for (var i = 0; i < 3; i++)
        {
            var answer = await authorizer.AuthorizeAsync(SqlBench.Question("a"), default);
            Assert.Equal("on 4321ms UTC", answer.Details?.Text);
        }
    }

    [Fact]
    public async Task ConnectionsInUse_AreNoMoreThanTheSettingSays()
    {
        var authorizer = Create("select 'allowed' as decision from pg_sleep(0.05) where @token <> '' -- \n");

        await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => SqlBench.AskAsync(authorizer, "a")));

        var open = await ScalarAsync(
            "select count(*) from pg_stat_activity where application_name = '"
                + $"{new NpgsqlConnectionStringBuilder(ConnectionString).ApplicationName}'"
        );
        Assert.InRange((long)open!, 1, 4);
    }

    [Theory]
    [InlineData("Password", "wrong", "misconfigured", "rejected the user or the password")]
    [InlineData("Username", "nobody", "misconfigured", "rejected the user or the password")]
    [InlineData("Database", "missing", "misconfigured", "has no database with the name")]
    [InlineData("Port", "1", "transient", "could not be reached, or broke the connection")]
    public async Task ConnectionThatFails_IsNamed_WithoutItsString(string key, string value, string kind, string what)
    {
        var builder = new NpgsqlConnectionStringBuilder(ConnectionString) { [key] = value };
        var authorizer = Bench.Create(
            Bench.Settings(Kind, builder.ConnectionString, "select 'allowed' as decision where @token = 'a'")
        );

        var answer = await SqlBench.AskAsync(authorizer, "a");
        var thrown = await Assert.ThrowsAsync<InvalidSettingsException>(() => authorizer.CheckAsync(default));

        Assert.StartsWith($"{kind}: {Name} {what}", answer, StringComparison.Ordinal);
        Assert.Contains(what, thrown.Message, StringComparison.Ordinal);
        Assert.All(
            new[] { builder.Password!, builder.Username!, "127.0.0.1" },
            secret => Assert.DoesNotContain(secret, answer + thrown.Message, StringComparison.Ordinal)
        );
    }

    [Theory]
    [InlineData("")]
    [InlineData("Host=")]
    [InlineData("Canary=4711")]
    [InlineData("Host=a;Port=canary")]
    [InlineData("Host=a;Check Certificate Revocation=true")]
    public void UnusableConnectionString_StopsTheStart_AndIsNotShown(string connectionString)
    {
        var thrown = Assert.Throws<InvalidSettingsException>(() =>
            Bench.Create(Bench.Settings(Kind, connectionString, "select @token"))
        );

        Assert.StartsWith(
            "authorization.sql.connectionString ",
            Assert.Single(thrown.Problems),
            StringComparison.Ordinal
        );
        Assert.DoesNotContain("canary", thrown.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task ErrorThatQuotesTheToken_IsNotRepeated()
    {
        var answer = await SqlBench.AskAsync(
            Create("select 'allowed' as decision where @token::uuid is not null"),
            "canary-4711"
        );

        Assert.Equal($"refused: {Name} cannot process a value of the question (22P02)", answer);
    }

    [Theory]
    [InlineData("valid_until", "date '2030-01-02'", "2030-01-02T00:00:00.0000000+00:00")]
    [InlineData("valid_until", "timestamptz '2030-01-02 03:04:05+01'", "2030-01-02T02:04:05.0000000+00:00")]
    [InlineData("valid_until", "timestamp '2030-01-02 03:04:05'", "2030-01-02T03:04:05.0000000+00:00")]
    [InlineData("group_id", "7::smallint", "7")]
    [InlineData("group_id", "7", "7")]
    [InlineData("group_id", "7::bigint", "7")]
    [InlineData("group_id", "7::numeric", "7")]
    [InlineData("group_id", "7::numeric(9,0)", "7")]
    [InlineData("group_id", "'0b7c1d2e-3f40-4a51-8b62-9c73ad84be95'::uuid", Queries.Station)]
    [InlineData("group_id", "'a'::char(3)", "a  ")]
    [InlineData("group_id", "'a'::name", "a")]
    public Task CommonTypes_AreRead(string column, string value, string expected) =>
        AssertColumnAsync(column, value, expected);

    [Theory]
    [InlineData("valid_until", "1893456000", "time")]
    [InlineData("valid_until", "interval '1 day'", "time")]
    [InlineData("group_id", "true", "text")]
    [InlineData("group_id", "1.5::float8", "text")]
    [InlineData("group_id", "'\\x00'::bytea", "text")]
    public Task WrongType_IsSeenWithoutARow(string column, string value, string what) =>
        AssertWrongTypeAsync(column, value, what);

    [Fact]
    public async Task EnumOfDecisions_IsRead()
    {
        await ExecuteAsync("create type decision_of_tag as enum ('allowed', 'blocked')");
        var authorizer = Create("select decision::decision_of_tag as decision from tags where uid = @token");

        await authorizer.CheckAsync(default);
        Assert.Equal("authorized", await SqlBench.AskAsync(authorizer, "known"));
    }

    [Fact]
    public async Task ValueThatTheDriverCannotRead_IsNoAnswer_AndNoFaultOfTheDatabase() =>
        Assert.Equal(
            $"misconfigured: {Name} returned a value in the column group_id that the driver cannot read; "
                + "cast it to text",
            await SqlBench.AskAsync(
                Create("select decision, 1e40::numeric as group_id from tags where uid = @token"),
                "known"
            )
        );

    [Fact]
    public async Task UserWithoutGrant_IsNamed()
    {
        var user = $"reader_{Guid.NewGuid():N}";
        await ExecuteAsync($"create user {user} password 'secret-4711'");
        var schema = new NpgsqlConnectionStringBuilder(ConnectionString).SearchPath;
        await ExecuteAsync($"grant usage on schema {schema} to {user}");
        var builder = new NpgsqlConnectionStringBuilder(ConnectionString) { Username = user, Password = "secret-4711" };
        var authorizer = Bench.Create(
            Bench.Settings(Kind, builder.ConnectionString, "select decision from tags where uid = @token")
        );

        Assert.Equal(
            $"misconfigured: {Name} does not permit the user to read what the query reads (42501)",
            await SqlBench.AskAsync(authorizer, "known")
        );
        await ExecuteAsync($"grant select on tags to {user}");
        Assert.Equal("authorized", await SqlBench.AskAsync(authorizer, "known"));
        await ExecuteAsync($"drop owned by {user}; drop user {user}");
    }

    [Fact]
    public async Task CloseOfAllSessions_IsOutlived()
    {
        var authorizer = Create("select decision from tags where uid = @token");
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => SqlBench.AskAsync(authorizer, "known")));

        await ScalarAsync(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = '"
                + $"{new NpgsqlConnectionStringBuilder(ConnectionString).ApplicationName}'"
        );

        var answers = new List<string>();
        while (answers.Count < 10 && !answers.Contains("authorized"))
            answers.Add(await SqlBench.AskAsync(authorizer, "known"));
        // Retries of the guard: three.
        Assert.InRange(answers.Count, 1, 4);
        Assert.All(answers.SkipLast(1), answer => Assert.StartsWith("transient: ", answer, StringComparison.Ordinal));
    }
}
