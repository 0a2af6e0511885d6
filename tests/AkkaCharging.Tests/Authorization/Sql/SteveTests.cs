using AkkaCharging.Authorization.Sql;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Testing.MariaDb;

namespace AkkaCharging.Tests.Authorization.Sql;

/// <summary><c>deploy/sql/steve.sql</c> on the tables of SteVe that it reads.</summary>
[Collection(OneMariaDb.Name)]
[Trait("Category", "MariaDb")]
public sealed class SteveTests(SharedMariaDb shared) : IAsyncLifetime
{
    internal const string Schema = """
        create table ocpp_tag (
            ocpp_tag_pk int not null auto_increment primary key,
            id_tag varchar(255) character set utf8mb3 collate utf8mb3_unicode_ci not null unique,
            parent_id_tag varchar(255) character set utf8mb3 collate utf8mb3_unicode_ci null,
            expiry_date timestamp(6) null,
            max_active_transaction_count int not null default 1,
            foreign key (parent_id_tag) references ocpp_tag (id_tag)
        );
        create table transaction_start (
            transaction_pk int not null auto_increment primary key,
            evse_pk int not null,
            id_tag varchar(255) character set utf8mb3 collate utf8mb3_unicode_ci not null,
            start_timestamp timestamp(6) null,
            foreign key (id_tag) references ocpp_tag (id_tag)
        );
        create table transaction_stop (transaction_pk int not null primary key, stop_timestamp timestamp(6) null);
        """;

    private readonly SqlBench _bench = new();
    private string _connectionString = "";
    private SqlAuthorizer _authorizer = null!;

    public async Task InitializeAsync()
    {
        _connectionString = await shared.Server.NewDatabaseAsync();
        await MariaDbServer.ExecuteAsync(
            _connectionString,
            $"""
            {Schema}
            set time_zone = '+00:00';
            insert into ocpp_tag (id_tag, parent_id_tag, expiry_date, max_active_transaction_count) values
                ('PARENT', null, null, -1),
                ('FREE', 'PARENT', '2037-01-02 03:04:05', 1),
                ('BLOCKED', null, null, 0),
                ('EXPIRED', null, utc_timestamp(6) - interval 1 second, 1),
                ('BLOCKED-EXPIRED', null, '2020-01-01', 0),
                ('BUSY', null, null, 1),
                ('ONE-OF-TWO', null, null, 2),
                ('UNLIMITED', null, null, -1),
                ('DONE', null, null, 1);
            insert into transaction_start (transaction_pk, evse_pk, id_tag) values
                (1, 1, 'BUSY'), (2, 1, 'ONE-OF-TWO'), (3, 1, 'UNLIMITED'), (4, 1, 'UNLIMITED'), (5, 1, 'DONE');
            insert into transaction_stop (transaction_pk) values (5);
            """
        );
        _authorizer = _bench.Create(
            new(
                SqlKind.MySql,
                _connectionString,
                Path.Combine(Repository.Root, "deploy/sql/steve.sql"),
                Eventually.Patience,
                MaxConnections: 4
            )
        );
    }

    public Task DisposeAsync()
    {
        _bench.Dispose();
        return Task.CompletedTask;
    }

    [Theory]
    [InlineData("MISSING", "not_in_acl")]
    [InlineData("FREE", "authorized")]
    [InlineData("free", "authorized")]
    [InlineData("BLOCKED", "blocked")]
    [InlineData("EXPIRED", "expired")]
    [InlineData("BLOCKED-EXPIRED", "blocked")]
    [InlineData("BUSY", "concurrent_session")]
    [InlineData("ONE-OF-TWO", "authorized")]
    [InlineData("UNLIMITED", "authorized")]
    [InlineData("DONE", "authorized")]
    public async Task Tag_IsDecidedAsSteveDoes(string tag, string reason) =>
        Assert.Equal(reason, await SqlBench.AskAsync(_authorizer, tag));

    [Fact]
    public async Task ParentAndExpiry_AreDetails()
    {
        var answer = await _authorizer.AuthorizeAsync(SqlBench.Question("FREE"), default);

        Assert.Equal("PARENT", answer.Details?.Group);
        Assert.Equal(new DateTimeOffset(2037, 1, 2, 3, 4, 5, TimeSpan.Zero), answer.Details?.ValidUntil);
    }

    [Fact]
    public async Task Check_AcceptsTheQuery() => await _authorizer.CheckAsync(default);

    /// <summary>The grants of <c>docs/sql.md</c> are enough.</summary>
    [Fact]
    public async Task Grants_AreThoseOfTheDocs()
    {
        var builder = new MySqlConnector.MySqlConnectionStringBuilder(_connectionString);
        var user = $"reader_{Guid.NewGuid():N}"[..20];
        await MariaDbServer.ExecuteAsync(
            _connectionString,
            $"""
            create user {user}@'%' identified by 'secret-4711';
            grant select on {builder.Database}.ocpp_tag to {user}@'%';
            grant select on {builder.Database}.transaction_start to {user}@'%';
            grant select on {builder.Database}.transaction_stop to {user}@'%';
            """
        );
        (builder.UserID, builder.Password) = (user, "secret-4711");
        var authorizer = _bench.Create(
            new(
                SqlKind.MySql,
                builder.ConnectionString,
                Path.Combine(Repository.Root, "deploy/sql/steve.sql"),
                Eventually.Patience,
                MaxConnections: 4
            )
        );

        Assert.Equal("concurrent_session", await SqlBench.AskAsync(authorizer, "BUSY"));
    }
}
