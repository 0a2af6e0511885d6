using System.Data.Common;
using Akka.Actor;
using AkkaCharging.Authorization;
using AkkaCharging.Authorization.Sql;
using AkkaCharging.Requests;
using AkkaCharging.Settings;
using AkkaCharging.Testing;

namespace AkkaCharging.Tests.Authorization.Sql;

/// <summary>The contract that each kind of database fulfils.</summary>
public abstract class SqlAuthorizerContract : IAsyncLifetime
{
    private const string Query = "select decision, valid_until, info from tags where uid = @token";

    /// <summary>Texts that end a string, a statement or a parameter somewhere.</summary>
    private static readonly string[] Hostile =
    [
        "' or '1'='1",
        "' or 1=1 -- ",
        "' or 1=1 #",
        "'; drop table tags; --",
        "\"; drop table tags; --",
        "`; drop table tags; --",
        "\\' or 1=1 -- ",
        "\\\\' or 1=1 -- ",
        "\u00bf' or 1=1 -- ",
        "' union select 'allowed', null, null -- ",
        "$$ or true $$",
        "E'\\'",
        "/* */ or true",
        "') or ('1'='1",
        "@token",
        "@type",
        ":token",
        "$1",
        "?",
        "%",
        "____",
        "*",
        "0 or true",
        "null",
        "",
        " ",
        "\0",
        "known\0",
        "known' -- ",
        "\r\n",
        "\u2019 or 1=1 -- ",
        "\ud83d\ude00",
        "\ud800",
        new('\'', 5_000),
        new('x', 100_000),
    ];

    private protected SqlBench Bench { get; } = new();

    private protected abstract SqlKind Kind { get; }

    /// <summary>Of a database of this test alone.</summary>
    private protected string ConnectionString { get; private set; } = "";

    /// <summary>Ends the question of its parameter only after ten seconds.</summary>
    private protected abstract string Endless { get; }

    /// <summary>Fails with an error for a token that is no number.</summary>
    private protected abstract string OnlyForNumbers { get; }

    /// <summary>Locks the table exclusively until the transaction or the session ends.</summary>
    private protected abstract string Lock { get; }

    public static TheoryData<string, string> Decisions =>
        new()
        {
            { "allowed", "authorized" },
            { "not_in_acl", "not_in_acl" },
            { "blocked", "blocked" },
            { "expired", "expired" },
            { "station_not_allowed", "station_not_allowed" },
            { "no_credit", "no_credit" },
            { "concurrent_session", "concurrent_session" },
        };

    public static TheoryData<string> Writes =>
        new(
            "update tags set decision = 'blocked' where uid = @token",
            "delete from tags where uid = @token or 1 = 1",
            "insert into tags (uid, decision) values (@token, 'allowed') returning decision",
            "create table written as select @token as decision"
        );

    public async Task InitializeAsync()
    {
        ConnectionString = await NewDatabaseAsync();
        await ExecuteAsync(
            """
            create table tags (
                uid varchar(64) not null primary key,
                decision varchar(40),
                valid_until timestamp null,
                info varchar(2000)
            )
            """
        );
        await ExecuteAsync("insert into tags values ('known', 'allowed', '2030-01-02 03:04:05', 'hello')");
    }

    public virtual Task DisposeAsync()
    {
        Bench.Dispose();
        return Task.CompletedTask;
    }

    [Theory]
    [MemberData(nameof(Decisions))]
    public async Task ColumnDecision_NamesTheReason(string decision, string reason)
    {
        await ExecuteAsync($"insert into tags (uid, decision) values ('a', '{decision}')");

        Assert.Equal(reason, await SqlBench.AskAsync(Create(Query), "a"));
    }

    [Fact]
    public async Task NoRow_IsAnUnknownToken() =>
        Assert.Equal("not_in_acl", await SqlBench.AskAsync(Create(Query), "nobody"));

    [Fact]
    public async Task Columns_BecomeDetails()
    {
        const string All =
            "select decision, valid_until, 'G' as group_id, 'NLTNM' as party, 'R-1' as authorization_reference, info "
            + "from tags where uid = @token";

        var answer = await Create(All).AuthorizeAsync(SqlBench.Question("known"), default);

        Assert.Equal(
            new AuthorizationDetails
            {
                ValidUntil = new DateTimeOffset(2030, 1, 2, 3, 4, 5, TimeSpan.Zero),
                Group = "G",
                Party = "NLTNM",
                AuthorizationReference = "R-1",
                Text = "hello",
            },
            answer.Details
        );
    }

    [Theory]
    [InlineData("")]
    [InlineData(", (select null as n) as none")]
    public async Task ColumnsWithoutValues_AreAccepted(string from)
    {
        var none = from.Length == 0 ? "null" : "none.n";
        var authorizer = Create(
            $"select decision, {none} as valid_until, {none} as group_id, {none} as party, "
                + $"{none} as authorization_reference, {none} as info from tags{from} where uid = @token"
        );

        await authorizer.CheckAsync(default);
        Assert.Equal("authorized", await SqlBench.AskAsync(authorizer, "known"));
    }

    [Fact]
    public async Task Station_IsInLowerCase_WhateverTheCallerWrote()
    {
        var station = StationId.TryCreate(Queries.Station.ToUpperInvariant())!;
        var authorizer = Create("select decision, @station as info from tags where uid = @token");

        var answer = await authorizer.AuthorizeAsync(SqlBench.Question("known") with { Station = station }, default);

        Assert.Equal($"{station.Value:D}", answer.Details!.Text);
        Assert.NotEqual(station.Text, answer.Details.Text);
    }

    [Fact]
    public async Task SeveralRows_AreNoAnswer()
    {
        var answer = await SqlBench.AskAsync(
            Create("select 'allowed' as decision from tags where uid = @token union all select 'blocked'"),
            "known"
        );

        Assert.Equal($"refused: {Name} returned several rows; expected one or none", answer);
    }

    [Theory]
    [InlineData("yes")]
    [InlineData("ALLOWED")]
    [InlineData("in_acl")]
    [InlineData("authorizer_error")]
    [InlineData("")]
    [InlineData(null)]
    public async Task OtherDecision_IsNoAnswer(string? decision)
    {
        await ExecuteAsync(
            $"insert into tags (uid, decision) values ('a', {(decision is null ? "null" : $"'{decision}'")})"
        );

        var answer = await SqlBench.AskAsync(Create(Query), "a");

        Assert.StartsWith(
            $"misconfigured: {Name} returned a value in the column decision",
            answer,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task EachParameter_HasItsValue()
    {
        const string Echo =
            "select decision, @info as info from tags where uid = @token and (@now > '2026-01-01 00:00:00')";

        foreach (
            var (name, expected) in new[] { ("station", Queries.Station), ("type", "RFID"), ("external_id", "CP-1") }
        )
        {
            var parameter = Kind == SqlKind.Postgres ? $"@{name}::text" : $"@{name}";
            var answer = await Create(Echo.Replace("@info", parameter, StringComparison.Ordinal))
                .AuthorizeAsync(SqlBench.Question("known", "RFID", "CP-1"), default);

            Assert.Equal(expected, answer.Details?.Text);
        }
    }

    [Fact]
    public async Task ParameterWithoutValue_IsNull()
    {
        var isNull =
            Kind == SqlKind.Postgres ? "@type::text is null and @external_id::text" : "@type is null and @external_id";

        var answer = await SqlBench.AskAsync(
            Create($"select decision from tags where uid = @token and {isNull} is null"),
            "known"
        );

        Assert.Equal("authorized", answer);
    }

    [Fact]
    public async Task HostileTokens_AreValues_AndChangeNothing()
    {
        var authorizer = Create(Query);

        foreach (var uid in Hostile)
        {
            var answer = await SqlBench.AskAsync(authorizer, uid);
            Assert.True(
                answer is "not_in_acl"
                    || answer.StartsWith("error: ", StringComparison.Ordinal)
                    || answer.StartsWith("refused: ", StringComparison.Ordinal),
                answer
            );
            if (uid.Length > 8)
                Assert.DoesNotContain(uid, answer, StringComparison.Ordinal);
        }

        Assert.Equal("authorized", await SqlBench.AskAsync(authorizer, "known"));
        Assert.Equal(1L, await CountAsync());
    }

    /// <summary>Any caller may send such a token: it must not cut others off from the database.</summary>
    [Fact]
    public async Task TokenThatTheQueryCannotProcess_IsNoAnswer_AndNoFaultOfTheDatabase()
    {
        var authorizer = Create(OnlyForNumbers);

        var answer = await SqlBench.AskAsync(authorizer, "canary-4711");

        Assert.StartsWith(
            $"refused: {Name} cannot process a value of the question (",
            answer,
            StringComparison.Ordinal
        );
        Assert.DoesNotContain("canary", answer, StringComparison.Ordinal);
        Assert.Equal("authorized", await SqlBench.AskAsync(authorizer, "4711"));
    }

    [Theory]
    [MemberData(nameof(Writes))]
    public async Task QueryThatWrites_ChangesNothing(string write)
    {
        var authorizer = Create(write);

        foreach (var uid in new[] { "known", "new" })
            await SqlBench.AskAsync(authorizer, uid);

        Assert.Equal(1L, await CountAsync());
        Assert.Equal("authorized", await SqlBench.AskAsync(Create(Query), "known"));
    }

    [Fact]
    public async Task LockedTable_EndsInTimeout_AndAnswersAfterwards()
    {
        var settings = Bench.Settings(Kind, ConnectionString, Query, timeoutMillis: 300);
        var authorizer = Bench.Create(settings);
        using var system = ActorSystem.Create("locked");
        var guard = new GuardedAuthorizer(
            authorizer,
            Queries.Settings(maxRetries: 3, breaker: false),
            system.Scheduler,
            TimeProvider.System
        );
        await using (var holder = await OpenAsync())
        {
            foreach (var statement in Lock.Split(';'))
                await ExecuteAsync(holder, statement);

            var decisions = await Task.WhenAll(
                Enumerable
                    .Range(0, 20)
                    .Select(_ => guard.DecideAsync(SqlBench.Question("known"), long.MaxValue, long.MaxValue, default))
            );

            Assert.All(decisions, decision => Assert.Equal(DecisionReason.Timeout, decision?.Reason));
        }

        await Eventually.HoldsAsync(
            async () => await SqlBench.AskAsync(authorizer, "known") == "authorized",
            "an answer after the lock"
        );
        await system.Terminate();
    }

    [Fact]
    public async Task QueryWithoutEnd_EndsInTimeout_HereAndInTheDatabase()
    {
        var authorizer = Bench.Create(Bench.Settings(Kind, ConnectionString, Endless, timeoutMillis: 300));

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => SqlBench.AskAsync(authorizer, "known")));

        Assert.All(answers, answer => Assert.StartsWith("timeout: ", answer, StringComparison.Ordinal));
        await Eventually.HoldsAsync(async () => await RunningAsync() == 0, "the end of the queries");
    }

    [Fact]
    public async Task CancelledCall_Throws()
    {
        var authorizer = Create(Endless);
        using var abandoned = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await authorizer.AuthorizeAsync(SqlBench.Question("known"), abandoned.Token)
        );
    }

    [Fact]
    public async Task Check_AcceptsAQueryThatWorks() => await Create(Query).CheckAsync(default);

    [Theory]
    [InlineData("select decision from tags where uid = @token and", "syntax error")]
    [InlineData("select decision from missing where uid = @token", "lacks a table that the query names")]
    [InlineData("select decision from tags where missing = @token", "lacks a column that the query names")]
    [InlineData("select info from tags where uid = @token", "returned no column decision")]
    [InlineData(
        "select decision, 1 as valid_untill from tags where uid = @token",
        "returned an unknown column (number 2 in"
    )]
    [InlineData("select decision, decision from tags where uid = @token", "returned the column decision twice")]
    [InlineData("update tags set decision = 'blocked' where uid <> @token", "writes")]
    public async Task Check_NamesWhatIsWrong(string query, string expected)
    {
        var authorizer = Create(query);

        var thrown = await Assert.ThrowsAsync<InvalidSettingsException>(() => authorizer.CheckAsync(default));

        var problem = Assert.Single(thrown.Problems);
        Assert.StartsWith($"authorization.sql: {Name} ", problem, StringComparison.Ordinal);
        Assert.Contains(expected, problem, StringComparison.Ordinal);
        var answer = await SqlBench.AskAsync(authorizer, "known");
        Assert.StartsWith("misconfigured: ", answer, StringComparison.Ordinal);
        Assert.Contains(expected, authorizer.Misconfiguration, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answer_ClearsTheMisconfiguration()
    {
        var authorizer = Create(Query);
        await ExecuteAsync("alter table tags rename to other");
        await SqlBench.AskAsync(authorizer, "known");
        Assert.NotNull(authorizer.Misconfiguration);

        await ExecuteAsync("alter table other rename to tags");

        Assert.Equal("authorized", await SqlBench.AskAsync(authorizer, "known"));
        Assert.Null(authorizer.Misconfiguration);
    }

    private protected abstract string Name { get; }

    private protected async Task AssertColumnAsync(string column, string value, string expected)
    {
        var authorizer = Create($"select decision, {value} as {column} from tags where uid = @token");

        await authorizer.CheckAsync(default);
        var answer = await authorizer.AuthorizeAsync(SqlBench.Question("known"), default);

        var details = Assert.IsType<AuthorizationDetails>(answer.Details);
        Assert.Equal(
            expected,
            string.Equals(column, "group_id", StringComparison.Ordinal)
                ? details.Group
                : details.ValidUntil?.ToString("O", System.Globalization.CultureInfo.InvariantCulture)
        );
    }

    private protected async Task AssertWrongTypeAsync(string column, string value, string what)
    {
        var authorizer = Create($"select decision, {value} as {column} from tags where uid = @token");

        var thrown = await Assert.ThrowsAsync<InvalidSettingsException>(() => authorizer.CheckAsync(default));

        var expected = $"{Name} returned a value other than a {what} in the column {column}";
        Assert.StartsWith($"authorization.sql: {expected}", Assert.Single(thrown.Problems), StringComparison.Ordinal);
        foreach (var uid in new[] { "known", "nobody" })
            Assert.StartsWith(
                $"misconfigured: {expected}",
                await SqlBench.AskAsync(authorizer, uid),
                StringComparison.Ordinal
            );
    }

    private protected abstract Task<string> NewDatabaseAsync();

    private protected abstract Task<DbConnection> OpenAsync();

    /// <summary>Statements of authorizers that the database still works at.</summary>
    private protected abstract Task<long> RunningAsync();

    private protected SqlAuthorizer Create(string query) => Bench.Create(Bench.Settings(Kind, ConnectionString, query));

    private protected async Task ExecuteAsync(string sql)
    {
        await using var connection = await OpenAsync();
        await ExecuteAsync(connection, sql);
    }

    private protected async Task<object?> ScalarAsync(string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return await command.ExecuteScalarAsync();
    }

    private async Task<long> CountAsync() =>
        Convert.ToInt64(
            await ScalarAsync("select count(*) from tags where decision = 'allowed' and uid = 'known'"),
            System.Globalization.CultureInfo.InvariantCulture
        )
        + Convert.ToInt64(
            await ScalarAsync("select count(*) from tags where uid <> 'known'"),
            System.Globalization.CultureInfo.InvariantCulture
        );

    private static async Task ExecuteAsync(DbConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }
}
