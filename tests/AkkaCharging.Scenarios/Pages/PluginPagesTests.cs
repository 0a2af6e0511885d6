using System.Net.Http.Json;
using System.Text.Json;
using AkkaCharging.Testing;
using AkkaCharging.Testing.MariaDb;
using AkkaCharging.Testing.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
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

    [Fact]
    public async Task OwnDatabase_AsItsPageSays()
    {
        await using var postgres = new PostgresFixture();
        await postgres.StartAsync();
        var session = new NpgsqlConnectionStringBuilder(await postgres.NewSchemaAsync());
        await using var database = NpgsqlDataSource.Create(session.ConnectionString);
        await RunAsync(
            "create table tags (uid text primary key, blocked bool not null); "
                + "insert into tags values ('blocked-driver-token-0001', true)"
        );
        var user = $"reader_{Guid.NewGuid():N}";
        await using var page = new FollowedPage(
            "sql.md",
            _folder,
            new Dictionary<string, string>
            {
                ["user akkacharging password '…'"] = $"user {user} password 'secret-4711'",
                ["to akkacharging"] = $"to {user}",
                ["schema public"] = $"schema {session.SearchPath}",
            },
            RunAsync,
            until: "## The query"
        );
        (session.Username, session.Password) = (user, "secret-4711");
        page.Set("AUTHORIZATION_SQL_CONNECTION_STRING", session.ConnectionString);

        await page.FollowAsync();

        using var answer = await page.Service.Http.PostAsJsonAsync(
            "/api/v1/authorize",
            new { stationId = RunningService.Station, driverToken = "blocked-driver-token-0001" }
        );
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("blocked", body.GetProperty("reason").GetString());
        await RunAsync($"drop owned by {user}; drop user {user}");

        async Task RunAsync(string sql)
        {
            await using var statement = database.CreateCommand(sql);
            await statement.ExecuteNonQueryAsync();
        }
    }

    [Fact]
    public async Task Hub_AsItsPageSays()
    {
        var asked = new List<string>();
        await using var partner = LoopbackServer.Build();
        partner.MapGet(
            "/ocpi/versions",
            () => Envelope(new[] { new { version = "2.2.1", url = $"{Address()}/ocpi/2.2.1" } })
        );
        partner.MapGet(
            "/ocpi/2.2.1",
            () =>
                Envelope(
                    new
                    {
                        version = "2.2.1",
                        endpoints = new[]
                        {
                            new
                            {
                                identifier = "tokens",
                                role = "SENDER",
                                url = $"{Address()}/tokens",
                            },
                        },
                    }
                )
        );
        partner.MapPost(
            "/tokens/{uid}/authorize",
            (string uid, HttpRequest request) =>
            {
                asked.Add($"{request.Headers.Authorization} {request.Headers["OCPI-to-party-id"]} {uid}");
                return Envelope(new { allowed = "NO_CREDIT" });
            }
        );
        await partner.StartAsync();
        await using var page = new FollowedPage(
            "ocpi.md",
            _folder,
            new Dictionary<string, string> { ["https://emsp.example"] = Address() },
            _ => throw new InvalidOperationException("The page has no SQL."),
            until: "## What is checked"
        );

        await page.FollowAsync();

        await using var service = await ServiceProcess.StartAsync(
            new Dictionary<string, string>
            {
                ["AUTHORIZATION_TYPED_TOKENS"] = "true",
                ["AUTHORIZATION_STATIONS_FILE"] = "stations.csv",
            },
            _folder
        );
        using var answer = await service.Http.PostAsJsonAsync(
            "/api/v1/authorize",
            new { stationId = RunningService.Station, driverToken = "ocpi.uid.RFID.NLTNM~04AABBCC" }
        );
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("no_credit", body.GetProperty("reason").GetString());
        Assert.Equal([$"Token {Convert.ToBase64String("THE-TOKEN"u8)} TNM 04AABBCC"], asked);

        string Address() => partner.Urls.Single();

        static IResult Envelope<T>(T data) =>
            Results.Json(
                new
                {
                    status_code = 1000,
                    timestamp = "2026-01-31T18:00:00Z",
                    data,
                }
            );
    }
}
