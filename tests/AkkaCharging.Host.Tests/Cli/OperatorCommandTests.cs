using System.Net;
using System.Text.Json;
using AkkaCharging.Host.Admin;
using AkkaCharging.Host.Cli;
using AkkaCharging.Host.Tests.Admin;
using AkkaCharging.Testing;
using Microsoft.AspNetCore.Http;

namespace AkkaCharging.Host.Tests.Cli;

/// <summary>The commands that operate a running service: <c>dead-letters</c> and <c>receivers</c>.</summary>
[Trait("Category", "Component")]
public sealed class OperatorCommandTests : IAsyncLifetime
{
    private const string Token = "canary-operators-token";
    private readonly string _folder = Directory.CreateTempSubdirectory("akkacharging-operator-").FullName;
    private CallbackReceiver _receiver = null!;
    private RunningService _service = null!;

    public async Task InitializeAsync()
    {
        _receiver = await CallbackReceiver.StartAsync();
        _service = await RunningService.StartAsync(settings =>
            settings with
            {
                Management = settings.Management with { Token = Token },
                Callback = settings.Callback with { MaxRetries = 0 },
            }
        );
        _service.Management.DefaultRequestHeaders.Authorization = new("Bearer", Token);
    }

    public async Task DisposeAsync()
    {
        await _service.DisposeAsync();
        await _receiver.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task DeadLetters_AreListed_Redriven_AndDiscarded()
    {
        var (first, second) = (await FailAsync(), await FailAsync());

        var (listed, table, _) = await RunAsync("dead-letters", "list");
        var (_, lines, tooMany) = await RunAsync("dead-letters", "list", "--json", "--limit", "1");
        var (discarded, discard, _) = await RunAsync("dead-letters", "discard", first);
        _receiver.RespondWith(HttpStatusCode.NoContent);
        var (redriven, redrive, _) = await RunAsync("dead-letters", "redrive", second);
        var (again, _, conflict) = await RunAsync("dead-letters", "redrive", first);

        Assert.Equal((0, 0, 0, 1), (listed, discarded, redriven, again));
        var rows = table.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith("REQUEST ", rows[0], StringComparison.Ordinal);
        Assert.StartsWith(second, rows[1], StringComparison.Ordinal);
        Assert.StartsWith(first, rows[2], StringComparison.Ordinal);
        Assert.Equal(second, JsonSerializer.Deserialize<JsonElement>(lines).GetProperty("requestId").GetString());
        Assert.Contains("There are more than 1", tooMany, StringComparison.Ordinal);
        Assert.Equal($"discarded {first}", discard.Trim());
        Assert.Equal($"redriven {second}", redrive.Trim());
        Assert.NotEqual("", conflict.Trim());
        await StateAsync(second, "delivered");
    }

    [Fact]
    public async Task SeveralDeadLetters_AreRedriven_UntilAllAre()
    {
        string[] ids = [await FailAsync(), await FailAsync(), await FailAsync()];
        _receiver.RespondWith(HttpStatusCode.NoContent);

        var (exitCode, output, error) = await RunAsync(
            "dead-letters",
            "redrive",
            "--destination",
            new Uri(_receiver.Url).GetLeftPart(UriPartial.Authority),
            "--from",
            "2020-01-01T00:00:00Z"
        );

        Assert.Equal((0, ""), (exitCode, error));
        Assert.StartsWith("3 match.", output, StringComparison.Ordinal);
        Assert.EndsWith("done: 3 redriven, 0 passed over", output.TrimEnd(), StringComparison.Ordinal);
        foreach (var id in ids)
            await StateAsync(id, "delivered");
    }

    [Fact]
    public async Task DeadLettersOfACauseAndAge_AreListedAndRedriven()
    {
        var id = await FailAsync();
        _receiver.RespondWith(HttpStatusCode.NoContent);

        var (_, old, _) = await RunAsync("dead-letters", "list", "--json", "--older-than", "1m");
        var (_, young, _) = await RunAsync("dead-letters", "list", "--json", "--younger-than", "1h");
        var (_, other, _) = await RunAsync("dead-letters", "redrive", "--cause", "tls", "--younger-than", "1d");
        var (_, all, _) = await RunAsync("dead-letters", "redrive", "--cause", "http_status", "--older-than", "0s");

        Assert.Equal("", old);
        Assert.Contains(id, young, StringComparison.Ordinal);
        Assert.StartsWith("0 match.", other, StringComparison.Ordinal);
        Assert.StartsWith("1 match.", all, StringComparison.Ordinal);
        await StateAsync(id, "delivered");
    }

    [Theory]
    [InlineData("dead-letters redrive", "Name one request, or select several")]
    [InlineData("dead-letters redrive ses_x --all", "Name one request, or select several")]
    [InlineData("dead-letters redrive --all --to 2020-01-01T00:00:00Z", "only all = true")]
    [InlineData("dead-letters list --from yesterday", "from")]
    [InlineData("dead-letters list --cause canary", "cause")]
    [InlineData("dead-letters list --older-than 90", "--older-than expects")]
    [InlineData("dead-letters redrive --younger-than h", "--younger-than expects")]
    [InlineData("dead-letters redrive --younger-than 10000d", "--younger-than expects")]
    [InlineData("dead-letters discard ses_x", "request")]
    [InlineData("receivers pause not-a-url", "destination")]
    [InlineData("receivers resume http://127.0.0.1:9", "not paused")]
    [InlineData("receivers list --limit 0", "limit")]
    [InlineData("receivers list --limit 1000", "from 1 to 999")]
    public async Task WhatTheServiceRefuses_IsToldWithItsReason(string arguments, string reason)
    {
        var (exitCode, _, error) = await RunAsync(arguments.Split(' '));

        Assert.Equal(1, exitCode);
        Assert.NotEqual("", error.Trim());
        Assert.Contains(reason, error, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Receiver_IsPaused_Listed_AndResumed()
    {
        var receiver = new Uri(_receiver.Url).GetLeftPart(UriPartial.Authority);

        var (paused, pause, _) = await RunAsync("receivers", "pause", receiver);
        var id = await _service.AcceptAsync(_receiver.Url);
        var (listed, table, _) = await RunAsync("receivers", "list");
        var (_, json, _) = await RunAsync("receivers", "list", "--json");
        _receiver.RespondWith(HttpStatusCode.NoContent);
        var (resumed, _, _) = await RunAsync("receivers", "resume", receiver);

        Assert.Equal((0, 0, 0), (paused, listed, resumed));
        Assert.StartsWith("paused http", pause, StringComparison.Ordinal);
        Assert.Contains(receiver, table, StringComparison.Ordinal);
        Assert.True(JsonSerializer.Deserialize<JsonElement>(json).GetProperty("paused").GetBoolean());
        await StateAsync(id, "delivered");
    }

    [Fact]
    public async Task TokenFile_TakesThePlaceOfTheSettings_AndNothingShowsAToken()
    {
        var file = Path.Combine(_folder, "token");
        await File.WriteAllTextAsync(file, "canary-wrong-token\n");

        var (refused, _, error) = await RunAsync("receivers", "list", "--token-file", file);
        await File.WriteAllTextAsync(file, Token + "\n");
        var (accepted, output, _) = await RunAsync("receivers", "list", "--token-file", file);
        var (absent, _, missing) = await RunAsync("receivers", "list", "--token-file", file + "-absent");

        Assert.Equal((1, 0, 1), (refused, accepted, absent));
        Assert.Contains("--token-file", error, StringComparison.Ordinal);
        Assert.Contains("absent", missing, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", error + output + missing, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "it is empty")]
    [InlineData("two words\n", "it contains something other than printable ASCII")]
    [InlineData("first line\nsecond line\n", "it contains something other than printable ASCII")]
    public async Task TokenFile_ThatHoldsNoToken_IsTold(string text, string problem)
    {
        var file = Path.Combine(_folder, "token");
        await File.WriteAllTextAsync(file, text);

        var (exitCode, _, error) = await RunAsync("receivers", "list", "--token-file", file);

        Assert.Equal(1, exitCode);
        Assert.Contains($"--token-file '{file}' cannot be used: {problem}", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TokenFile_WithoutAName_IsTold()
    {
        var (exitCode, _, error) = await RunAsync("receivers", "list", "--token-file", "");

        Assert.Equal(1, exitCode);
        Assert.Contains("--token-file '' cannot be used: no file is named.", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListThatIsCutOff_SaysSo()
    {
        foreach (var port in (int[])[1, 2])
            await RunAsync("receivers", "pause", $"http://127.0.0.1:{port}");

        var (one, first, more) = await RunAsync("receivers", "list", "--json", "--limit", "1");
        var (two, all, nothing) = await RunAsync("receivers", "list", "--json", "--limit", "2");

        Assert.Equal((0, 0), (one, two));
        Assert.Equal((1, 2), (Lines(first), Lines(all)));
        Assert.Contains("There are more than 1", more, StringComparison.Ordinal);
        Assert.Equal("", nothing);

        static int Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length;
    }

    [Theory]
    [InlineData(200, "{}")]
    [InlineData(200, "[]")]
    [InlineData(200, "null")]
    [InlineData(200, "<html>")]
    [InlineData(500, "\"x\"")]
    [InlineData(500, "[]")]
    [InlineData(500, "{\"message\":{}}")]
    [InlineData(500, "")]
    public async Task AnotherProgramOnThePort_IsTold(int status, string body)
    {
        await using var other = await CallbackReceiver.StartAsync();
        other.RespondWith(
            (context, _) =>
            {
                context.Response.StatusCode = status;
                return context.Response.WriteAsync(body);
            }
        );
        var config = Path.Combine(_folder, "other.conf");
        await File.WriteAllTextAsync(
            config,
            $"server.host = \"127.0.0.1\"\nmanagement.port = {new Uri(other.Url).Port}"
        );

        foreach (var command in (string[])["receivers list", "dead-letters list", "dead-letters redrive --all"])
        {
            var (exitCode, _, error) = await ExecuteAsync([.. command.Split(' '), "--config", config]);

            Assert.Equal(1, exitCode);
            Assert.Single(error.Trim().Split('\n'));
        }
    }

    [Fact]
    public async Task RedriveOfSomebodyElse_IsNotFollowed()
    {
        await using var service = await CallbackReceiver.StartAsync();
        service.RespondWith(
            (context, _) =>
            {
                var isOwn = HttpMethods.IsPost(context.Request.Method);
                var progress = new BulkRedriveAnswer(
                    State: isOwn ? "running" : "done",
                    Destination: null,
                    From: null,
                    To: 1,
                    Cause: null,
                    AcceptedFrom: null,
                    AcceptedTo: null,
                    Matched: 2,
                    Redriven: 0,
                    PassedOver: 0,
                    Remaining: 2,
                    StartedAt: isOwn ? 1 : 2,
                    EndedAt: isOwn ? null : 3,
                    Problem: null
                );
                return context.Response.WriteAsync(
                    JsonSerializer.Serialize(progress, AdminJson.Default.BulkRedriveAnswer)
                );
            }
        );
        var config = Path.Combine(_folder, "scripted.conf");
        await File.WriteAllTextAsync(
            config,
            $"server.host = \"127.0.0.1\"\nmanagement.port = {new Uri(service.Url).Port}"
        );

        var (exitCode, output, error) = await ExecuteAsync("dead-letters", "redrive", "--all", "--config", config);

        Assert.Equal(1, exitCode);
        Assert.DoesNotContain("done", output, StringComparison.Ordinal);
        Assert.StartsWith("Another redrive was started after this one", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ServiceThatDoesNotRun_IsTold()
    {
        var config = Path.Combine(_folder, "away.conf");
        await File.WriteAllTextAsync(config, $"server.host = \"127.0.0.1\"\nmanagement.port = {FreePort.Next()}");

        var (exitCode, _, error) = await ExecuteAsync("receivers", "list", "--config", config);

        Assert.Equal(1, exitCode);
        Assert.Contains(
            "No usable answer from the operators' API at http://127.0.0.1:",
            error,
            StringComparison.Ordinal
        );
    }

    private Task<string> FailAsync() => _service.FailAsync(_receiver);

    private Task StateAsync(string id, string state) =>
        Eventually.HoldsAsync(
            async () =>
                (await _service.GetAsync($"/api/v1/charging-session/{id}")).GetProperty("state").GetString() == state,
            $"{id} is {state}"
        );

    private async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments)
    {
        var config = Path.Combine(_folder, "operator.conf");
        await File.WriteAllTextAsync(
            config,
            $$"""
            server.host = "127.0.0.1"
            management { port = {{_service.Management.BaseAddress!.Port}}, token = "{{Token}}" }
            """
        );
        return await ExecuteAsync([.. arguments, "--config", config]);
    }

    private static async Task<(int ExitCode, string Output, string Error)> ExecuteAsync(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var exitCode = await CommandLine.RunAsync(arguments, TextReader.Null, output, error);
        return (exitCode, output.ToString(), error.ToString());
    }
}
