using AkkaCharging.Authorization.Sql;
using AkkaCharging.Settings;

namespace AkkaCharging.Tests.Authorization.Sql;

[Trait("Category", "Unit")]
public sealed class SqlQueryTests : IDisposable
{
    private readonly SqlBench _bench = new();

    [Theory]
    [InlineData("select @token", "token")]
    [InlineData("select @token, @type, @token, @station, @external_id, @now", "token,type,station,external_id,now")]
    [InlineData("select '@other; ''@x', \"@y;\" , @token -- @z; \n /* @a; */ ", "token")]
    [InlineData("select @@version, @token", "token")]
    [InlineData("select a @> b, @token", "token")]
    [InlineData("select @token::text;", "token")]
    [InlineData("select @token; -- the end \n /* really */ ", "token")]
    [InlineData("\ufeffselect @token", "token")]
    [InlineData("-- a;\nselect @token", "token")]
    [InlineData("/* @a; */ select @token", "token")]
    [InlineData("/*/ @a; */ select @token", "token")]
    [InlineData("select '', \"\", @token", "token")]
    [InlineData("select @token -", "token")]
    [InlineData("select @token --", "token")]
    [InlineData("select @token /*", "token")]
    [InlineData("select @token, 'a", "token")]
    [InlineData("select @token, @", "token")]
    public void Parameters_AreThoseOutsideOfQuotesAndComments(string text, string expected)
    {
        foreach (var kind in Enum.GetValues<SqlKind>())
            Assert.Equal(expected, string.Join(',', Read(text, kind).Parameters));
    }

    [Theory]
    [InlineData("select $$ @other; $$, $a$ @b; $$ $a$, @token", "Postgres")]
    [InlineData("select E'\\' @other; ', @token", "Postgres")]
    [InlineData("select '\\', @token, ' @'", "Postgres")]
    [InlineData("/* /* ; */ ; */ select @token", "Postgres")]
    [InlineData("select a$b$, @token, c$b$", "Postgres")]
    [InlineData("select @token, $", "Postgres")]
    [InlineData("select @token, $a", "Postgres")]
    [InlineData("select e'\\' @other; ', @token", "Postgres")]
    [InlineData("select E'ab\\' @other; ', @token", "Postgres")]
    [InlineData("select  '\\', @token, ' @'", "Postgres")] // two blanks before it
    [InlineData("select me'\\', @token, ' @'", "Postgres")] // the end of a name
    [InlineData("select @token --@other;", "Postgres")]
    [InlineData("select @token --@other;", "Sqlite")]
    [InlineData("select '\\' @other; ', \"\\\" @other; \", `@other;`, @token # @other; ", "MySql")]
    [InlineData("select 1 --@token", "MySql")]
    [InlineData("select 1  --@token", "MySql")]
    [InlineData("/* /* */ select @token", "MySql")]
    [InlineData("/* /* */ select @token", "Sqlite")]
    [InlineData("select `\\`, @token, `@`", "MySql")]
    [InlineData("select [@other;], `@other;`, @token", "Sqlite")]
    [InlineData("select '\\', @token, ' @'", "Sqlite")]
    public void Quotes_AreThoseOfTheDatabase(string text, string kind) =>
        Assert.Equal(["token"], Read(text, Enum.Parse<SqlKind>(kind)).Parameters);

    [Fact]
    public void Text_EndsBeforeTheSemicolon() =>
        Assert.Equal(
            ("select @token", "select @token "),
            (Read("select @token; -- all", SqlKind.Sqlite).Text, Read("select @token ", SqlKind.Sqlite).Text)
        );

    [Theory]
    [InlineData("", "it contains no statement.")]
    [InlineData(" -- nothing \n ;", "it contains no statement.")]
    [InlineData("select 1", "its query does not name the parameter @token.")]
    [InlineData("select '@token'", "its query does not name the parameter @token.")]
    [InlineData("select @token; select 1", "it contains several statements; expected one.")]
    [InlineData("select @token;;", "it contains several statements; expected one.")]
    [InlineData(";select @token", "it contains several statements; expected one.")]
    [InlineData(
        "select @token, @uid",
        "it names the unknown parameter @uid; expected @token, @type, @station, @external_id, @now."
    )]
    [InlineData(
        "select @Token",
        "it names the unknown parameter @Token; expected @token, @type, @station, @external_id, @now."
    )]
    public void UnusableQuery_IsNamed(string text, string problem)
    {
        foreach (var kind in Enum.GetValues<SqlKind>())
        {
            var thrown = Assert.Throws<InvalidSettingsException>(() => Read(text, kind));
            Assert.EndsWith($" cannot be used: {problem}", Assert.Single(thrown.Problems), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void MissingFile_StopsTheStart()
    {
        var thrown = Assert.Throws<InvalidSettingsException>(() =>
            SqlQuery.Read(_bench.PathOf("missing.sql"), SqlKind.Sqlite)
        );

        Assert.StartsWith("authorization.sql.queryFile = '", Assert.Single(thrown.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void LongFile_StopsTheStart()
    {
        var thrown = Assert.Throws<InvalidSettingsException>(() => Read(new string(' ', 65_537), SqlKind.Sqlite));

        Assert.Contains("longer than 65536 characters", thrown.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _bench.Dispose();

    private SqlQuery Read(string text, SqlKind kind) => SqlQuery.Read(_bench.Settings(kind, "", text).QueryFile, kind);
}
