using AkkaCharging.Testing;
using AkkaCharging.Testing.MariaDb;
using AkkaCharging.Testing.Postgres;
using MySqlConnector;
using Npgsql;

namespace AkkaCharging.Scenarios.Pages;

/// <summary>The pages about systems that this service is plugged into, followed to the letter.</summary>
[Trait("Category", "Scenario")]
public sealed class PluginPagesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("akkacharging-page-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Citrineos_AsItsPageSays()
    {
        await using var postgres = new PostgresFixture();
        await postgres.StartAsync();
        await using var database = NpgsqlDataSource.Create(await postgres.NewSchemaAsync());
        // The columns that the page names, as citrineos has them.
        await RunAsync(
            """
            create table "Authorizations" (
                id serial primary key, "idToken" varchar(255), "realTimeAuth" varchar(255),
                "realTimeAuthUrl" varchar(255), "tenantPartnerId" int, "tenantId" int not null default 1
            );
            insert into "Authorizations" ("idToken", "tenantPartnerId") values ('04AABBCC', 1), ('LOCAL', null);
            """
        );
        await using var page = new FollowedPage("citrineos.md", _folder, new Dictionary<string, string>(), RunAsync);

        await page.FollowAsync();

        Assert.Equal(2, page.Compared);
        await using var command = database.CreateCommand(
            """select count(*) from "Authorizations" where "realTimeAuthUrl" like 'http%/adapters/citrineos/authorize'"""
        );
        Assert.Equal(1L, await command.ExecuteScalarAsync());

        async Task RunAsync(string sql)
        {
            await using var statement = database.CreateCommand(sql);
            await statement.ExecuteNonQueryAsync();
        }
    }

    [Fact]
    public async Task Steve_AsItsPageSays()
    {
        await using var mariaDb = await MariaDbServer.StartNewAsync();
        // The columns of SteVe that the query reads.
        await MariaDbServer.ExecuteAsync(
            mariaDb.ConnectionString,
            """
            create database stevedb;
            use stevedb;
            create table ocpp_tag (
                id_tag varchar(255) character set utf8mb3 collate utf8mb3_unicode_ci not null unique,
                parent_id_tag varchar(255) null, expiry_date timestamp(6) null,
                max_active_transaction_count int not null default 1
            );
            create table transaction_start (transaction_pk int not null primary key, id_tag varchar(255) not null);
            create table transaction_stop (transaction_pk int not null primary key);
            insert into ocpp_tag (id_tag, max_active_transaction_count) values ('04AABBCC', 1), ('04DDEEFF', 0);
            """
        );
        var port = new MySqlConnectionStringBuilder(mariaDb.ConnectionString).Port;
        await using var page = new FollowedPage(
            "steve.md",
            _folder,
            new Dictionary<string, string>
            {
                ["Server=127.0.0.1"] = $"Server=127.0.0.1;Port={port}",
                ["cp deploy"] = $"cp {Repository.Root}/deploy",
            },
            sql => MariaDbServer.ExecuteAsync(mariaDb.ConnectionString, sql)
        );

        await page.FollowAsync();

        Assert.Equal(2, page.Compared);
    }
}
