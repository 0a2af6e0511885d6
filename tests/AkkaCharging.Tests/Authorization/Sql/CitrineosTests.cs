using AkkaCharging.Authorization.Sql;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Tests.Journal.Postgres;
using Npgsql;

namespace AkkaCharging.Tests.Authorization.Sql;

/// <summary><c>deploy/sql/citrineos.sql</c> on the tables of citrineos that it reads.</summary>
[Collection(OnePostgres.Name)]
[Trait("Category", "Postgres")]
public sealed class CitrineosTests(SharedPostgres postgres) : IAsyncLifetime
{
    internal const string Schema = """
        create extension if not exists citext schema public;
        create table "TenantPartners" (
            id serial primary key, "countryCode" varchar(255), "partyId" varchar(255), "tenantId" int not null default 1
        );
        create table "Authorizations" (
            id serial primary key,
            "idToken" citext not null,
            "idTokenType" varchar(255),
            status varchar(255) not null default 'Accepted',
            "cacheExpiryDateTime" timestamptz,
            "groupAuthorizationId" int references "Authorizations" (id),
            "concurrentTransaction" boolean,
            "realTimeAuth" varchar(255),
            "realTimeAuthUrl" varchar(255),
            "tenantPartnerId" int references "TenantPartners" (id),
            "tenantId" int not null default 1,
            unique ("idToken", "idTokenType")
        );
        create table "Transactions" (
            id serial primary key, "authorizationId" int references "Authorizations" (id), "isActive" boolean
        );
        """;

    private readonly SqlBench _bench = new();
    private string _connectionString = "";
    private SqlAuthorizer _authorizer = null!;

    public async Task InitializeAsync()
    {
        _connectionString = await NewDatabaseAsync(postgres);
        await ExecuteAsync(
            """
            insert into "TenantPartners" (id, "countryCode", "partyId") values (1, 'NL', 'TNM');
            insert into "Authorizations" (id, "idToken", "idTokenType", status, "cacheExpiryDateTime",
                "groupAuthorizationId", "concurrentTransaction", "tenantPartnerId", "tenantId") values
                (1, 'GROUP', 'Central', 'Accepted', null, null, null, null, 1),
                (2, 'Free', 'ISO14443', 'Accepted', '2037-01-02 03:04:05+00', 1, null, 1, 1),
                (3, 'BLOCKED', 'ISO14443', 'Blocked', null, null, null, null, 1),
                (4, 'EXPIRED', 'ISO14443', 'Expired', null, null, null, null, 1),
                (5, 'NOCREDIT', 'ISO14443', 'NoCredit', null, null, null, null, 1),
                (6, 'INVALID', 'ISO14443', 'Invalid', null, null, null, null, 1),
                (7, 'PAST', 'ISO14443', 'Accepted', now() - interval '1 second', null, null, null, 1),
                (8, 'BUSY', 'ISO14443', 'Accepted', null, null, true, null, 1),
                (9, 'BUSY-ALLOWED', 'ISO14443', 'Accepted', null, null, false, null, 1),
                (10, 'IDLE', 'ISO14443', 'Accepted', null, null, true, null, 1),
                (11, 'OTHER-TENANT', 'ISO14443', 'Accepted', null, null, null, null, 2),
                (12, 'TWICE', 'ISO14443', 'Accepted', null, null, null, null, 1),
                (13, 'TWICE', 'eMAID', 'Blocked', null, null, null, null, 1),
                (14, 'SECOND', 'ISO14443', 'ConcurrentTx', null, null, null, null, 1),
                (15, 'ELSEWHERE', 'ISO14443', 'NotAtThisLocation', null, null, null, null, 1);
            insert into "Transactions" ("authorizationId", "isActive") values (8, true), (9, true), (10, false);
            """
        );
        _authorizer = Create(_connectionString);
    }

    public Task DisposeAsync()
    {
        _bench.Dispose();
        return Task.CompletedTask;
    }

    [Theory]
    [InlineData("MISSING", null, "not_in_acl")]
    [InlineData("Free", null, "authorized")]
    [InlineData("FREE", null, "authorized")]
    [InlineData("free", "RFID", "authorized")]
    [InlineData("Free", "ISO14443", "authorized")]
    [InlineData("Free", "EMAID", "not_in_acl")]
    [InlineData("BLOCKED", null, "blocked")]
    [InlineData("EXPIRED", null, "expired")]
    [InlineData("PAST", null, "expired")]
    [InlineData("NOCREDIT", null, "no_credit")]
    [InlineData("INVALID", null, "not_in_acl")]
    [InlineData("SECOND", null, "concurrent_session")]
    [InlineData("ELSEWHERE", null, "station_not_allowed")]
    [InlineData("BUSY", null, "concurrent_session")]
    [InlineData("BUSY-ALLOWED", null, "authorized")]
    [InlineData("IDLE", null, "authorized")]
    [InlineData("OTHER-TENANT", null, "not_in_acl")]
    [InlineData("TWICE", "RFID", "authorized")]
    [InlineData("TWICE", "EMAID", "blocked")]
    public async Task Token_IsDecidedAsCitrineosDoes(string token, string? type, string reason) =>
        Assert.Equal(reason, await SqlBench.AskAsync(_authorizer, SqlBench.Question(token, type)));

    [Fact]
    public async Task TokenOfTwoTypes_IsNotDecided_WithoutItsType() =>
        Assert.Contains(
            "returned several rows",
            await SqlBench.AskAsync(_authorizer, "TWICE"),
            StringComparison.Ordinal
        );

    [Fact]
    public async Task PartyGroupAndExpiry_AreDetails()
    {
        var details = (await _authorizer.AuthorizeAsync(SqlBench.Question("Free"), default)).Details;

        Assert.Equal(("NLTNM", "GROUP"), (details?.Party, details?.Group));
        Assert.Equal(new DateTimeOffset(2037, 1, 2, 3, 4, 5, TimeSpan.Zero), details?.ValidUntil);
    }

    [Fact]
    public async Task Check_AcceptsTheQuery() => await _authorizer.CheckAsync(default);

    /// <summary>The grants of <c>docs/sql.md</c> are enough.</summary>
    [Fact]
    public async Task Grants_AreThoseOfTheDocs()
    {
        var user = $"reader_{Guid.NewGuid():N}";
        var builder = new NpgsqlConnectionStringBuilder(_connectionString);
        await ExecuteAsync(
            $"""
            create user {user} password 'secret-4711';
            grant usage on schema {builder.SearchPath!.Split(',')[0]} to {user};
            grant select on "Authorizations", "TenantPartners", "Transactions" to {user};
            """
        );
        (builder.Username, builder.Password) = (user, "secret-4711");

        Assert.Equal("concurrent_session", await SqlBench.AskAsync(Create(builder.ConnectionString), "BUSY"));
        await ExecuteAsync($"drop owned by {user}; drop user {user}");
    }

    internal static async Task<string> NewDatabaseAsync(SharedPostgres postgres)
    {
        var builder = new NpgsqlConnectionStringBuilder((await postgres.NewSettingsAsync()).ConnectionString);
        builder.SearchPath += ",public";
        await ExecuteAsync(builder.ConnectionString, Schema);
        return builder.ConnectionString;
    }

    internal static async Task ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection($"{connectionString};Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private Task ExecuteAsync(string sql) => ExecuteAsync(_connectionString, sql);

    private SqlAuthorizer Create(string connectionString) =>
        _bench.Create(
            new(
                SqlKind.Postgres,
                connectionString,
                Path.Combine(Repository.Root, "deploy/sql/citrineos.sql"),
                Eventually.Patience,
                MaxConnections: 4
            )
        );
}
