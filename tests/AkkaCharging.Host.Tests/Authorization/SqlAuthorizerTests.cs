using AkkaCharging.Host.Cli;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Host.Tests.Authorization;

/// <summary><c>authorization.provider = sql</c>: what the check reports, and what prevents the start.</summary>
[Trait("Category", "Component")]
public sealed class SqlAuthorizerTests : IDisposable
{
    private const string Query = "select decision from tags where uid = @token";

    private readonly string _folder = Directory.CreateTempSubdirectory("akkacharging-sql-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Check_OfAQueryThatWorks_Succeeds() =>
        Assert.Equal((0, ""), await CheckAsync(Config(await DatabaseAsync(), Query)));

    [Theory]
    [InlineData("select decision from missing where uid = @token", "lacks a table that the query names (1)")]
    [InlineData(
        "select uid as verdict from tags where uid = @token",
        "returned an unknown column (number 1 in the query)"
    )]
    [InlineData("select decision form tags where uid = @token", "found a syntax error in the query (1)")]
    [InlineData("select decision from tags where uid = @uid", "names the unknown parameter @uid")]
    [InlineData("select decision from tags where uid = @token; select 1", "contains several statements")]
    public async Task Check_OfABrokenQuery_NamesTheProblem(string query, string problem)
    {
        var (exitCode, error) = await CheckAsync(Config(await DatabaseAsync(), query));

        Assert.Equal(1, exitCode);
        Assert.Contains(problem, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MissingDatabase_FailsTheCheck_AndNotTheStart()
    {
        var missing = Path.Combine(_folder, "missing.db");

        var (exitCode, error) = await CheckAsync(Config(missing, Query));
        await using var service = await StartAsync(missing, Query);
        using var ready = await service.Http.GetAsync("/health/ready");

        Assert.Equal(1, exitCode);
        Assert.Contains("could not be opened or read (14)", error, StringComparison.Ordinal);
        Assert.True(ready.IsSuccessStatusCode);
    }

    [Fact]
    public async Task MissingQueryFile_FailsTheCheckAndTheStart()
    {
        var config = Config(await DatabaseAsync(), Query);
        File.Delete(Path.Combine(_folder, "query.sql"));

        foreach (var args in new string[][] { ["--check-config", "--config", config], ["--config", config] })
        {
            var (exitCode, error) = await RunAsync(args);
            Assert.Equal(1, exitCode);
            Assert.Contains("authorization.sql.queryFile = '", error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Decision_OfTheDatabase_ReachesTheReceiver()
    {
        await using var receiver = await CallbackReceiver.StartAsync();
        await using var service = await StartAsync(await DatabaseAsync(), Query);

        await service.AcceptAsync(receiver.Url);
        await Eventually.HoldsAsync(() => receiver.Received.Count == 1, "the first callback");
        await service.AcceptAsync(receiver.Url, RunningService.UnknownToken);
        await Eventually.HoldsAsync(() => receiver.Received.Count == 2, "the second callback");

        Assert.Equal(["allowed", "not_allowed"], receiver.Received.Select(callback => callback.Status));
    }

    private Task<RunningService> StartAsync(string database, string query)
    {
        var queryFile = Path.Combine(_folder, "query.sql");
        File.WriteAllText(queryFile, query);
        return RunningService.StartAsync(settings =>
            settings with
            {
                Authorization = settings.Authorization with
                {
                    Provider = AuthorizationProvider.Sql,
                    Sql = settings.Authorization.Sql with
                    {
                        Kind = SqlKind.Sqlite,
                        ConnectionString = $"Data Source={database}",
                        QueryFile = queryFile,
                    },
                },
            }
        );
    }

    private async Task<string> DatabaseAsync()
    {
        var file = Path.Combine(_folder, "tags.db");
        await using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText =
            "create table tags (uid text primary key, decision text); "
            + $"insert into tags values ('{RunningService.AllowedToken}', 'allowed')";
        await command.ExecuteNonQueryAsync();
        return file;
    }

    private string Config(string database, string query)
    {
        var queryFile = Path.Combine(_folder, "query.sql");
        File.WriteAllText(queryFile, query);
        var file = Path.Combine(_folder, "sql.conf");
        File.WriteAllText(
            file,
            $$"""
            server.host = "127.0.0.1"
            server.port = 0
            management.port = 0
            journal.path = "{{_folder}}/journal.db"
            authorization {
              provider = sql
              sql {
                kind = sqlite
                connectionString = "Data Source={{database}}"
                queryFile = "{{queryFile}}"
              }
            }

            """
        );
        return file;
    }

    private static Task<(int ExitCode, string Error)> CheckAsync(string config) =>
        RunAsync("--check-config", "--config", config);

    private static async Task<(int ExitCode, string Error)> RunAsync(params string[] args)
    {
        var error = new StringWriter();
        var exitCode = await CommandLine.RunAsync(args, TextReader.Null, TextWriter.Null, error);
        var problems = error
            .ToString()
            .Split('\n')
            .Where(line => !line.StartsWith("warning: ", StringComparison.Ordinal));
        return (exitCode, string.Join('\n', problems).Trim());
    }
}
