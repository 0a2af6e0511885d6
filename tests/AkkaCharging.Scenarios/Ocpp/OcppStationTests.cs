using System.Text.Json;
using AkkaCharging.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Scenarios.Ocpp;

/// <summary>
/// A station of OCPP 1.6 and one of 2.0.1 ask a central system, which asks this service, which asks a database and an
/// eMSP. Station and central system are those of the npm package <c>ocpp-rpc</c>, which <c>test.sh</c> installs, and
/// validate every message by the schemas of OCPP.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class OcppStationTests : IAsyncLifetime
{
    private static readonly double AnswerMillisMax = Measurement.Within(TimeSpan.FromSeconds(3)).TotalMilliseconds;
    private static readonly string Package = Path.Combine(Repository.Root, "tests", "ocpp-rpc");
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly ScenarioFolder _folder = new();
    private readonly TaskCompletionSource _released = new();
    private readonly WebApplication _partner = LoopbackServer.Build();

    public async Task InitializeAsync()
    {
        _partner.MapPost("/tokens/{uid}/authorize", AnswerAsync);
        await _partner.StartAsync();
        await using var tags = new SqliteConnection($"Data Source={_folder.Path}/tags.db;Pooling=false");
        await tags.OpenAsync();
        await using var command = tags.CreateCommand();
        command.CommandText = "create table tags (uid text primary key); insert into tags values ('BUSY-TAG')";
        await command.ExecuteNonQueryAsync();
    }

    public async Task DisposeAsync()
    {
        _released.TrySetResult();
        await _partner.DisposeAsync();
        _folder.Dispose();
    }

    /// <summary>Every row of the table in docs/authorizers.md.</summary>
    [Fact]
    public async Task Station_GetsAValidAnswer_ToEveryDecision()
    {
        (string Uid, string Ocpp16, string Ocpp201)[] expected =
        [
            ("ALLOWED", "Accepted", "Accepted"),
            ("BLOCKED", "Blocked", "Blocked"),
            ("EXPIRED", "Expired", "Expired"),
            ("NO_CREDIT", "Blocked", "NoCredit"),
            ("NOT_ALLOWED", "Invalid", "NotAtThisLocation"),
            ("UNKNOWN", "Invalid", "Unknown"),
            ("BUSY-TAG", "ConcurrentTx", "ConcurrentTx"),
            ("BROKEN", "Invalid", "Unknown"),
            ("HANGING", "Invalid", "Unknown"),
        ];
        await using var service = await StartAsync();

        var answers = await AskAsync(
            service,
            [
                .. expected.Select(row => ("ocpp1.6", row.Uid)),
                .. expected.Select(row => ("ocpp2.0.1", row.Uid.Replace('_', '-'))),
            ]
        );

        Assert.Equal(
            [.. expected.Select(row => row.Ocpp16), .. expected.Select(row => row.Ocpp201)],
            answers.Select(answer => answer.Status ?? answer.Error!)
        );
        Assert.All(answers, answer => Assert.InRange(answer.Millis, 0, AnswerMillisMax));
    }

    private static async Task<IReadOnlyList<Answer>> AskAsync(
        ServiceProcess service,
        IReadOnlyList<(string Protocol, string IdToken)> cases
    )
    {
        Assert.True(
            Directory.Exists(Path.Combine(Package, "node_modules", "ocpp-rpc")),
            "./test.sh installs the npm package ocpp-rpc into tests/ocpp-rpc"
        );
        var (exitCode, output, error) = await PipedProgram.RunAsync(
            "node",
            ["authorize.js"],
            Package,
            JsonSerializer.Serialize(
                new
                {
                    service = $"http://127.0.0.1:{service.Port}",
                    station = RunningService.Station,
                    cases = cases.Select(question => new { protocol = question.Protocol, idToken = question.IdToken }),
                }
            ),
            Patience
        );
        Assert.True(exitCode == 0, error);
        return JsonSerializer.Deserialize<List<Answer>>(output, JsonSerializerOptions.Web)!;
    }

    private Task<ServiceProcess> StartAsync()
    {
        _folder.Write("partner.token", "secret-4711");
        _folder.Write("query.sql", "select 'concurrent_session' as decision from tags where uid = @token");
        Directory.CreateDirectory(Path.Combine(_folder.Path, "hocon"));
        _folder.Write(
            "hocon/application.conf",
            $$"""
            authorization {
              provider = chain
              chain = [sql, ocpi]
              answerWithinMillis = 5000
              timeoutMillis = 300000
              typedTokens = true
              sql { kind = sqlite, connectionString = "Data Source=tags.db", queryFile = "query.sql", timeoutMillis = 300000 }
              ocpi {
                countryCode = DE, partyId = ALL, attemptTimeoutMillis = 300000
                partners = [
                  { name = tnm, tokensUrl = "{{_partner.Urls.Single()}}/tokens", tokenFile = "partner.token", parties = [NL-TNM] }
                ]
              }
            }
            """
        );
        return ServiceProcess.StartAsync(ScenarioFolder.Settings(), _folder.Path);
    }

    private async Task<IResult> AnswerAsync(string uid)
    {
        // 2.0.1 has no underscore in its identifiers.
        var allowed = uid.Replace('-', '_');
        switch (allowed)
        {
            case "HANGING":
                await _released.Task;
                return Results.StatusCode(StatusCodes.Status503ServiceUnavailable);
            case "BROKEN":
                return Results.StatusCode(StatusCodes.Status500InternalServerError);
            case "UNKNOWN":
                return Results.Json(
                    new { status_code = 2004, timestamp = "2026-01-31T18:00:00Z" },
                    statusCode: StatusCodes.Status404NotFound
                );
            default:
                return Results.Json(
                    new
                    {
                        status_code = 1000,
                        timestamp = "2026-01-31T18:00:00Z",
                        data = new { allowed },
                    }
                );
        }
    }

    private sealed record Answer(string? Status, int Millis, string? Error);
}
