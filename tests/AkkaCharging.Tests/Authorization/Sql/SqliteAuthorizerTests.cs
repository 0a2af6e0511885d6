using System.Data.Common;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Tests.Authorization.Sql;

[Trait("Category", "Unit")]
public sealed class SqliteAuthorizerTests : SqlAuthorizerContract
{
    private protected override SqlKind Kind => SqlKind.Sqlite;

    private protected override string Name => "the SQLite database of authorization.sql";

    private protected override string Endless =>
        "with recursive n(i) as (select 1 union all select i + 1 from n) "
        + "select 'allowed' as decision from n where i < 0 and @token <> ''";

    private protected override string OnlyForNumbers =>
        "select 'allowed' as decision where json_extract(@token, '$') > 0";

    private protected override string Lock => "begin exclusive";

    private protected override Task<string> NewDatabaseAsync() =>
        Task.FromResult($"Data Source={Bench.PathOf("tags.db")}");

    private protected override async Task<DbConnection> OpenAsync()
    {
        var connection = new SqliteConnection($"{ConnectionString};Pooling=False");
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>All four threads are free when as many questions are answered side by side.</summary>
    private protected override async Task<long> RunningAsync()
    {
        var authorizer = Create("select decision from tags where uid = @token");
        return await SqlBench.AskAsync(authorizer, "known") == "authorized" ? 0 : 1;
    }

    [Fact]
    public async Task ReplacedFile_AnswersAtOnce()
    {
        var authorizer = Create("select decision from tags where uid = @token");
        Assert.Equal("authorized", await SqlBench.AskAsync(authorizer, "known"));

        var file = Bench.PathOf("tags.db");
        File.Copy(file, $"{file}.new");
        await using (var connection = new SqliteConnection($"Data Source={file}.new;Pooling=False"))
        {
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
            command.CommandText = "update tags set decision = 'blocked'";
            await command.ExecuteNonQueryAsync();
        }

        File.Move($"{file}.new", file, overwrite: true);

        Assert.Equal("blocked", await SqlBench.AskAsync(authorizer, "known"));
    }

    [Fact]
    public async Task QueryWithoutEnd_GivesItsThreadBack()
    {
        const string EndlessForOne =
            "with recursive n(i) as (select 1 union all select i + 1 from n where @token = 'slow') "
            + "select 'allowed' as decision from n where i < 0 or @token = 'known'";
        var settings = Bench.Settings(Kind, ConnectionString, EndlessForOne, timeoutMillis: 300) with
        {
            MaxConnections = 1,
        };
        var authorizer = Bench.Create(settings);

        var slow = await SqlBench.AskAsync(authorizer, "slow");

        Assert.StartsWith("timeout: ", slow, StringComparison.Ordinal);
        await Eventually.HoldsAsync(
            async () => await SqlBench.AskAsync(authorizer, "known") == "authorized",
            "an answer on the only thread"
        );
    }

    [Fact]
    public async Task MissingFile_IsTransient_AndMadeByNobody()
    {
        var missing = Bench.PathOf("missing.db");
        var authorizer = Bench.Create(
            Bench.Settings(Kind, $"Data Source={missing}", "select 'allowed' as decision where @token = 'a'")
        );

        var answer = await SqlBench.AskAsync(authorizer, "a");

        Assert.Equal($"transient: {Name} could not be opened or read (14)", answer);
        Assert.False(File.Exists(missing));
    }

    [Fact]
    public async Task OtherFile_IsMisconfigured()
    {
        var text = Bench.PathOf("text.db");
        await File.WriteAllTextAsync(text, new string('x', 5_000));

        var answer = await SqlBench.AskAsync(
            Bench.Create(
                Bench.Settings(Kind, $"Data Source={text}", "select 'allowed' as decision where @token = 'a'")
            ),
            "a"
        );

        Assert.Equal($"misconfigured: {Name} is not a SQLite file (26)", answer);
    }

    [Theory]
    [InlineData("2030-01-02T03:04:05Z", "2030-01-02 03:04:05")]
    [InlineData("2030-01-02T03:04:05+02:00", "2030-01-02 01:04:05")]
    [InlineData("2030-01-02", "2030-01-02 00:00:00")]
    public async Task TimeAsText_IsRead(string text, string expected)
    {
        var answer = await Create($"select decision, '{text}' as valid_until from tags where uid = @token")
            .AuthorizeAsync(SqlBench.Question("known"), default);

        Assert.Equal(expected, answer.Details?.ValidUntil?.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", null));
    }

    [Theory]
    [InlineData("'soon'", "returned a value other than a time in the column valid_until")]
    [InlineData("1893456000", "returned a value other than a time in the column valid_until")]
    public async Task NoTime_IsNoAnswer(string value, string expected)
    {
        var answer = await SqlBench.AskAsync(
            Create($"select decision, {value} as valid_until from tags where uid = @token"),
            "known"
        );

        Assert.Equal($"misconfigured: {Name} {expected}", answer);
    }

    [Fact]
    public async Task NoText_IsNoAnswer()
    {
        var answer = await SqlBench.AskAsync(
            Create("select decision, x'00' as info from tags where uid = @token"),
            "known"
        );

        Assert.Equal(
            $"misconfigured: {Name} returned a value other than a text in the column info; cast it to text",
            answer
        );
    }
}
