using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios;

/// <summary>Starts outside development: what is rejected, and with which messages.</summary>
[Trait("Category", "Scenario")]
public sealed class ProductionStartTests : IDisposable
{
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task LoopbackCallback_IsRefused()
    {
        await using var service = await ServiceProcess.StartAsync(
            new Dictionary<string, string> { ["SERVER_HOST"] = "127.0.0.1", ["CALLBACK_SECURITY_ALLOWED_PORTS"] = "" },
            _folder.Path
        );

        foreach (
            var url in new[]
            {
                $"http://127.0.0.1:{service.Port}/dev/callbacks",
                "http://localhost/",
                "http://[::1]/",
                "http://169.254.169.254/latest",
            }
        )
        {
            using var answer = await service.SubmitAsync(url, ScenarioFolder.AllowedToken);

            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
            var body = await answer.Content.ReadFromJsonAsync<JsonElement>();
            Assert.Equal("validation_error", body.GetProperty("status").GetString());
            Assert.Equal("Invalid callback_url. The address is not allowed.", body.GetProperty("message").GetString());
        }

        Assert.Equal(HttpStatusCode.NotFound, await service.StatusOfAsync("/dev/callbacks"));
        Assert.Equal(HttpStatusCode.NotFound, await service.StatusOfAsync("/docs"));
        Assert.Equal(HttpStatusCode.OK, await service.StatusOfAsync("/openapi/v1.json"));
    }

    [Fact]
    public async Task PortInUse_IsTold_AndNoLineSaysThatTheStartWentWell()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
        await using var service = ServiceProcess.Launch(ScenarioFolder.Settings(("SERVER_PORT", port)), _folder.Path);

        Assert.Equal(1, await service.Process.ExitAsync());

        Assert.Contains("Cannot listen on server.host", service.Process.Everything, StringComparison.Ordinal);
        Assert.DoesNotContain("ExitCode", service.Process.Everything, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListenerBeyondLoopback_WithoutKeys_IsRefused()
    {
        var (exitCode, _, error) = await RunAsync([]);

        Assert.Equal(1, exitCode);
        Assert.Contains(
            error,
            line =>
                line.Contains(
                    "server.host = '0.0.0.0' is reachable from other machines without API keys",
                    StringComparison.Ordinal
                ) && line.Contains("server.allowAnonymous = true", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task AllowAnonymous_StartsAndLogsEachInsecureChoiceAsJson()
    {
        await using var service = await ServiceProcess.StartAsync(
            new Dictionary<string, string>
            {
                ["SERVER_ALLOW_ANONYMOUS"] = "true",
                ["CALLBACK_SECURITY_ALLOW"] = "10.1.0.0/16",
                ["JOURNAL_KIND"] = "memory",
            },
            _folder.Path
        );
        Assert.Equal(0, await service.StopAsync());

        var lines = service.Process.Output.Select(line => JsonDocument.Parse(line).RootElement).ToList();
        var choices = lines
            .Where(line =>
                line.TryGetProperty("@l", out var level)
                && level.ValueEquals("Warning")
                && line.TryGetProperty("Choice", out _)
            )
            .Select(line => line.GetProperty("Choice").GetString()!)
            .ToList();

        Assert.Equal(5, choices.Count);
        foreach (
            var setting in new[]
            {
                "server.apiKeys",
                "callback.security.httpsOnly",
                "callback.signing.keys",
                "callback.security.allow",
                "journal.kind = memory",
            }
        )
            Assert.Single(choices, choice => choice.Contains($"({setting})", StringComparison.Ordinal));
        Assert.Contains(
            "10.1.0.0/16",
            choices.Single(choice => choice.Contains("security.allow)", StringComparison.Ordinal)),
            StringComparison.Ordinal
        );
        Assert.All(lines, line => Assert.True(line.TryGetProperty("@t", out _) && line.TryGetProperty("@m", out _)));
    }

    [Fact]
    public async Task KeyThatAkkaDoesNotKnow_IsLogged_AndDoesNotPreventTheStart()
    {
        Directory.CreateDirectory(Path.Combine(_folder.Path, "hocon"));
        _folder.Write("hocon/application.conf", "akka.actr.x = 1");
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(("JOURNAL_KIND", "memory")),
            _folder.Path
        );
        Assert.Equal(0, await service.StopAsync());

        Assert.Contains(
            service.Process.Output,
            line =>
                line.Contains("Ineffective setting: hocon/application.conf:1: akka.actr is", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task MissingAccessList_IsNamed()
    {
        var (exitCode, _, error) = await RunAsync(ScenarioFolder.Settings(("AUTHORIZATION_ACL_FILE", "nowhere.csv")));

        Assert.Equal(1, exitCode);
        Assert.Equal(
            [
                "ACL file 'nowhere.csv' cannot be used:",
                "  there is no such file; authorization.acl.file names it, relative to the working directory",
            ],
            error
        );
    }

    [Fact]
    public async Task BrokenAccessList_IsRefusedWithLineNumbers_WithoutTokens()
    {
        _folder.Write(
            "acl.csv",
            "token,stations,valid_from,valid_until,state\n"
                + "canary-driver-token-0001,*,,,active\nshort,*,,,\n"
                + "canary-driver-token-0002,*,yesterday,,\ncanary-driver-token-0001,,,,\n"
        );

        var (exitCode, output, error) = await RunAsync(ScenarioFolder.Settings());

        Assert.Equal(1, exitCode);
        Assert.Equal(["  line 3:", "  line 4:", "  line 5:"], error.Skip(1).Select(line => line[..9]));
        Assert.DoesNotContain("canary-driver", string.Concat(error.Concat(output)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task MalformedSettingsFile_IsRefusedWithItsLine()
    {
        _folder.Write("broken.conf", "server {\n  port = 8080\n}\n}\nqueue.maxSize = 5\n");

        var (exitCode, _, error) = await RunAsync(ScenarioFolder.Settings(), "--config", "broken.conf");

        Assert.Equal(1, exitCode);
        Assert.Contains(error, line => line.Contains("broken.conf:4", StringComparison.Ordinal));
    }

    [Fact]
    public async Task CheckConfig_ListsEveryProblem()
    {
        _folder.Write(
            "wrong.conf",
            "queue.maxSize = 0\nqueue.maxSiz = 5\ncallback.jitter = much\nauthorization.provider = http\n"
        );

        var (exitCode, output, error) = await RunAsync(
            ScenarioFolder.Settings(("CALLBACK_TIMEOUT_MILLIS", "soon")),
            "--check-config",
            "--config",
            "wrong.conf"
        );

        Assert.Equal(1, exitCode);
        Assert.DoesNotContain("The settings are valid.", output);
        foreach (
            var path in new[]
            {
                "queue.maxSize ",
                "queue.maxSiz ",
                "callback.jitter",
                "callback.timeoutMillis",
                "authorization.http.url",
            }
        )
            Assert.Contains(error, line => line.Contains(path, StringComparison.Ordinal));
    }

    [Fact]
    public async Task CheckConfig_OfGoodSettings_SaysSo()
    {
        var (exitCode, output, error) = await RunAsync(ScenarioFolder.Settings(), "--check-config");

        Assert.Equal(0, exitCode);
        Assert.Equal(["The settings are valid."], output);
        Assert.All(error, line => Assert.StartsWith("warning: ", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task PortInUse_IsNamed()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);

        var (exitCode, _, error) = await RunAsync(ScenarioFolder.Settings(("SERVER_PORT", port)));

        Assert.Equal(1, exitCode);
        var line = Assert.Single(error);
        Assert.Contains($"127.0.0.1:{port}", line, StringComparison.Ordinal);
        Assert.Contains("already in use", line, StringComparison.Ordinal);
    }

    private async Task<(int ExitCode, IReadOnlyCollection<string> Output, IReadOnlyCollection<string> Error)> RunAsync(
        IReadOnlyDictionary<string, string> settings,
        params string[] arguments
    )
    {
        await using var service = ServiceProcess.Launch(settings, _folder.Path, arguments);
        var exitCode = await service.Process.ExitAsync();
        return (exitCode, service.Process.Output, service.Process.Error);
    }

    private Task<(int ExitCode, IReadOnlyCollection<string> Output, IReadOnlyCollection<string> Error)> RunAsync(
        string[] arguments
    ) => RunAsync(new Dictionary<string, string>(), arguments);
}
