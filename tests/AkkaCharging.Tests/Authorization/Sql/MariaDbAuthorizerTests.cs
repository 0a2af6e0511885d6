using System.Data.Common;
using AkkaCharging.Settings;
using AkkaCharging.Testing.MariaDb;
using MySqlConnector;

namespace AkkaCharging.Tests.Authorization.Sql;

/// <summary>The classes that share one server; they run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class OneMariaDb : ICollectionFixture<SharedMariaDb>
{
    public const string Name = "mariadb";
}

/// <summary>The server of the collection.</summary>
public sealed class SharedMariaDb : IAsyncLifetime
{
    internal MariaDbServer Server { get; private set; } = null!;

    public async Task InitializeAsync() => Server = await MariaDbServer.StartNewAsync();

    public Task DisposeAsync() => Server.DisposeAsync().AsTask();
}

[Collection(OneMariaDb.Name)]
[Trait("Category", "MariaDb")]
public sealed class MariaDbAuthorizerTests(SharedMariaDb shared) : SqlAuthorizerContract
{
    private protected override SqlKind Kind => SqlKind.MySql;

    private protected override string Name => "the MySQL database of authorization.sql";

    private protected override string Endless => "select 'allowed' as decision where sleep(10) = 1 and @token <> ''";

    private protected override string OnlyForNumbers =>
        "select 'allowed' as decision where (select 1 union all select 2 where @token not regexp '^[0-9]+$') = 1";

    private protected override string Lock => "lock tables tags write";

    private protected override Task<string> NewDatabaseAsync() => shared.Server.NewDatabaseAsync();

    private protected override async Task<DbConnection> OpenAsync()
    {
        var connection = new MySqlConnection(
            new MySqlConnectionStringBuilder(ConnectionString) { Pooling = false }.ConnectionString
        );
        await connection.OpenAsync();
        await using var command = new MySqlCommand("set time_zone = '+00:00'", connection);
        await command.ExecuteNonQueryAsync();
        return connection;
    }

    private protected override async Task<long> RunningAsync() =>
        Convert.ToInt64(
            await ScalarAsync(
                "select count(*) from information_schema.processlist where command in ('Query', 'Execute') "
                    + "and db = database() and id <> connection_id()"
            ),
            null
        );

    [Fact]
    public async Task Session_IsReadOnly_InUtc_AndBounded_AlsoWhenItIsUsedAgain()
    {
        const string Look = """
            select 'allowed' as decision, concat_ws(' ', @@session.tx_read_only, @@session.time_zone,
                @@session.max_statement_time, @@session.lock_wait_timeout) as info where @token <> ''
            """;
        var authorizer = Bench.Create(Bench.Settings(Kind, ConnectionString, Look, timeoutMillis: 4_321));

        for (var i = 0; i < 3; i++)
        {
            var answer = await authorizer.AuthorizeAsync(SqlBench.Question("a"), default);
            Assert.Equal("ON +00:00 4.321000 5", answer.Details?.Text);
        }
    }

    [Fact]
    public async Task Tokens_TravelBesideTheText()
    {
        const string Executions =
            "select variable_value from information_schema.global_status where variable_name = 'com_stmt_execute'";
        var authorizer = Create("select decision from tags where uid = @token");
        var before = await ScalarAsync(Executions);

        await SqlBench.AskAsync(authorizer, "known");

        Assert.NotEqual(before, await ScalarAsync(Executions));
    }

    [Theory]
    [InlineData("Password", "wrong", "misconfigured", "rejected the user or the password")]
    [InlineData("User ID", "nobody", "misconfigured", "rejected the user or the password")]
    [InlineData("Database", "missing", "misconfigured", "has no database with the name")]
    [InlineData("Port", "1", "transient", "could not be reached, or broke the connection")]
    public async Task ConnectionThatFails_IsNamed_WithoutItsString(string key, string value, string kind, string what)
    {
        var builder = new MySqlConnectionStringBuilder(ConnectionString) { [key] = value };
        var authorizer = Bench.Create(
            Bench.Settings(Kind, builder.ConnectionString, "select 'allowed' as decision where @token = 'a'")
        );

        var answer = await SqlBench.AskAsync(authorizer, "a");
        var thrown = await Assert.ThrowsAsync<InvalidSettingsException>(() => authorizer.CheckAsync(default));

        Assert.StartsWith($"{kind}: {Name} {what}", answer, StringComparison.Ordinal);
        Assert.Contains(what, thrown.Message, StringComparison.Ordinal);
        Assert.All(
            new[] { builder.Password, builder.UserID, "127.0.0.1" },
            secret => Assert.DoesNotContain(secret, answer + thrown.Message, StringComparison.Ordinal)
        );
    }

    [Theory]
    [InlineData("")]
    [InlineData("Server=")]
    [InlineData("Canary=4711")]
    [InlineData("Server=a;Port=canary")]
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

    [Theory]
    [InlineData("valid_until", "date", "2030-01-02", "2030-01-02T00:00:00.0000000+00:00")]
    [InlineData("valid_until", "datetime(3)", "2030-01-02 03:04:05.678", "2030-01-02T03:04:05.6780000+00:00")]
    [InlineData("valid_until", "timestamp", "2030-01-02 03:04:05", "2030-01-02T03:04:05.0000000+00:00")]
    [InlineData("group_id", "tinyint", "7", "7")]
    [InlineData("group_id", "tinyint unsigned", "7", "7")]
    [InlineData("group_id", "smallint unsigned", "7", "7")]
    [InlineData("group_id", "mediumint", "7", "7")]
    [InlineData("group_id", "int unsigned", "7", "7")]
    [InlineData("group_id", "bigint unsigned", "18446744073709551615", "18446744073709551615")]
    [InlineData("group_id", "decimal(12,0)", "7", "7")]
    [InlineData("group_id", "enum('a', 'b')", "b", "b")]
    [InlineData("group_id", "char(36)", Queries.Station, Queries.Station)]
    public async Task CommonTypes_AreRead(string column, string type, string value, string expected)
    {
        await ExecuteAsync($"alter table tags add column typed {type} null");
        await ExecuteAsync($"update tags set typed = '{value}'");

        await AssertColumnAsync(column, "typed", expected);
    }

    [Theory]
    [InlineData("valid_until", "bigint", "time")]
    [InlineData("valid_until", "time", "time")]
    [InlineData("group_id", "boolean", "text")]
    [InlineData("group_id", "double", "text")]
    [InlineData("group_id", "binary(16)", "text")]
    public async Task WrongType_IsSeenWithoutARow(string column, string type, string what)
    {
        await ExecuteAsync($"alter table tags add column typed {type} null");

        await AssertWrongTypeAsync(column, "typed", what);
    }

    [Fact]
    public async Task ValueThatTheDriverCannotRead_IsNoAnswer_AndNoFaultOfTheDatabase()
    {
        await ExecuteAsync("set sql_mode = ''; alter table tags add column ends date not null default '0000-00-00'");

        Assert.Equal(
            $"misconfigured: {Name} returned a value in the column valid_until that the driver cannot read; "
                + "cast it to text",
            await SqlBench.AskAsync(
                Create("select decision, ends as valid_until from tags where uid = @token"),
                "known"
            )
        );
    }

    [Fact]
    public async Task RestartOfTheServer_IsOutlived()
    {
        await using var server = await MariaDbServer.StartNewAsync();
        var authorizer = Bench.Create(
            Bench.Settings(
                Kind,
                server.ConnectionString,
                "select 'allowed' as decision where sleep(0.05) = 0 and @token = 'a'"
            )
        );
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => SqlBench.AskAsync(authorizer, "a")));

        await server.KillAsync();
        Assert.StartsWith("transient: ", await SqlBench.AskAsync(authorizer, "a"), StringComparison.Ordinal);
        await server.StartAsync();

        var answers = new List<string>();
        while (answers.Count < 10 && !answers.Contains("authorized"))
            answers.Add(await SqlBench.AskAsync(authorizer, "a"));
        // Retries of the guard: three.
        Assert.InRange(answers.Count, 1, 4);
    }
}
