using System.Net;
using System.Text.Json;
using Akka.Actor;
using AkkaCharging.Authorization;
using AkkaCharging.Host.Health;
using AkkaCharging.Host.Tests.Admin;
using AkkaCharging.Journal;
using AkkaCharging.Metrics;
using AkkaCharging.Pipeline;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Health;

[Trait("Category", "Component")]
public sealed class HealthTests : IAsyncLifetime
{
    private const string Hidden = "shown on the operators' listener (/admin/overview) and in the log";
    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2030-01-01T00:00:00Z"));
    private readonly ScriptedAuthorizer _authorizer = new();
    private CallbackReceiver _receiver = null!;

    public async Task InitializeAsync() => _receiver = await CallbackReceiver.StartAsync();

    public async Task DisposeAsync() => await _receiver.DisposeAsync();

    [Fact]
    public async Task HealthyService_IsUp_WithDetailsAsStrings()
    {
        await using var service = await RunningService.StartAsync();

        var (statusCode, health) = await HealthAsync(service);

        Assert.Equal((200, "UP"), (statusCode, Text(health, "status")));
        Assert.Equal(["status", "timestamp", "components"], Api.Names(health));
        Assert.Equal(
            ["pipeline", "queue", "authorization", "callbacks", "journal", "files", "acl"],
            Api.Names(health.GetProperty("components"))
        );
        Assert.Equal("currentSize=0 maxSize=10000", Details(health, "queue"));
        Assert.Equal("errorRate=0 totalDecisions=0 circuitBreaker=closed", Details(health, "authorization"));
        Assert.Equal("errorRate=0 totalCallbacks=0", Details(health, "callbacks"));
        Assert.Equal("kind=memory", Details(health, "journal"));
        Assert.Matches(
            @"^open=\d+ limit=\d+ connections=1 maxConnections=\d+ operatorConnections=0 operatorMaxConnections=64$",
            Details(health, "files")
        );
        Assert.Equal("rules=2", Details(health, "acl"));
        Assert.Equal("state=running restarts=0", Details(health, "pipeline"));
    }

    [Fact]
    public async Task QueueOver80Percent_IsDegraded_UntilItDrains()
    {
        var answered = new TaskCompletionSource<AuthorizerAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await StartAsync(settings =>
            settings.WithQueue(maxSize: 10, destinationShare: 1_000)
        );
        await AcceptAsync(service, 1); // an answer, which opens the whole queue to its destination
        await Eventually.HoldsAsync(
            () => service.App.Services.GetRequiredService<ChargingService>().Status.Pending == 0,
            "the first request is settled"
        );
        _authorizer.Always((_, _) => new(answered.Task));
        await AcceptAsync(service, 8);

        Assert.Equal("UP", await ComponentAsync(service, "queue"));
        await AcceptAsync(service, 1);
        var (statusCode, degraded) = await HealthAsync(service);
        answered.SetResult(AuthorizerAnswer.AllowedByList);

        Assert.Equal((200, "DEGRADED", "DEGRADED"), (statusCode, Text(degraded, "status"), Status(degraded, "queue")));
        Assert.Equal("currentSize=9 maxSize=10", Details(degraded, "queue"));
        await UntilAsync(service, "queue", "UP");
    }

    [Fact]
    public async Task Since_TellsWhenAComponentChanged_AlsoIfNobodyAskedThen()
    {
        var journal = new ScriptedJournal();
        await using var service = await StartAsync(journal: journal);
        var watch = service.App.Services.GetServices<IHostedService>().OfType<HealthWatch>().Single();
        await watch.Judging;
        var start = _time.GetUtcNow();
        _time.Advance(TimeSpan.FromSeconds(1));
        await SinceAsync("UP", start);
        journal.Fault = new JournalUnavailableException("scripted");
        _time.Advance(HealthWatch.Interval - TimeSpan.FromSeconds(1));
        await watch.Judging;
        var down = _time.GetUtcNow();
        _time.Advance(TimeSpan.FromHours(1));

        await SinceAsync("DOWN", down);
        journal.Fault = null;
        await SinceAsync("UP", _time.GetUtcNow());

        async Task SinceAsync(string status, DateTimeOffset since)
        {
            var component = (await HealthAsync(service)).Body.GetProperty("components").GetProperty("journal");
            Assert.Equal(
                (status, since.ToUnixTimeMilliseconds()),
                (Text(component, "status"), component.GetProperty("since").GetInt64())
            );
        }
    }

    [Fact]
    public async Task OpenFiles_AreCountedOnceASecond_HoweverOftenHealthIsAsked()
    {
        var counts = 0;
        await using var service = await StartAsync(customize: services =>
            services.AddSingleton(new OpenFiles(() => ++counts, _time))
        );

        for (var i = 0; i < 100; i++)
            Assert.StartsWith("open=1 ", await FilesAsync(), StringComparison.Ordinal);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.StartsWith("open=2 ", await FilesAsync(), StringComparison.Ordinal);
        Assert.Equal(2, counts);

        async Task<string> FilesAsync() => Details((await HealthAsync(service)).Body, "files");
    }

    [Fact]
    public async Task LackOfFiles_IsDegraded_AndSaysWhatIsLacking()
    {
        await using var service = await StartAsync();

        service
            .App.Services.GetRequiredService<ChargingService>()
            .Resources.Report(AkkaCharging.AddressPolicy.LocalResource.Files);
        var (statusCode, degraded) = await HealthAsync(service);

        Assert.Equal(
            (200, "DEGRADED", "DEGRADED"),
            (statusCode, Text(degraded, "status"), Status(degraded, "callbacks"))
        );
        Assert.Equal(
            "errorRate=0 totalCallbacks=0 problem=this process is out of files; "
                + "0 callbacks are waiting for a connection",
            Details(degraded, "callbacks")
        );
    }

    [Fact]
    public async Task HalfOfDestinationsThatNeverAnswered_UsedUp_IsDegraded_UntilItDrains()
    {
        var answered = new TaskCompletionSource<AuthorizerAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        _authorizer.Always((_, _) => new(answered.Task));
        await using var service = await StartAsync(settings =>
            settings.WithQueue(maxSize: 10, destinationShare: 1_000)
        );
        await AcceptAsync(service, 4);

        Assert.Equal("UP", await ComponentAsync(service, "queue"));
        await AcceptAsync(service, 1);
        var (_, degraded) = await HealthAsync(service);
        using var refused = await service.SubmitAsync("https://new.example.com/");
        answered.SetResult(AuthorizerAnswer.AllowedByList);

        Assert.Equal(("DEGRADED", "DEGRADED"), (Text(degraded, "status"), Status(degraded, "queue")));
        Assert.Equal(
            "currentSize=5 maxSize=10 problem=destinations that have not recently answered use 5 of at most 5 places",
            Details(degraded, "queue")
        );
        await Api.RefusedAsync(refused, 503, "queue_full");
        await UntilAsync(service, "queue", "UP");
    }

    [Fact]
    public async Task OpenBreaker_IsDegraded()
    {
        _authorizer.FailsAlways();
        await using var service = await StartAsync();

        await AcceptAsync(service, 5);

        await UntilAsync(service, "authorization", "DEGRADED");
        var (statusCode, health) = await HealthAsync(service);
        Assert.Equal((200, "DEGRADED"), (statusCode, Text(health, "status")));
        Assert.EndsWith("circuitBreaker=open", Details(health, "authorization"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task BreakerThatClosesAgain_IsUp()
    {
        _authorizer.FailsAlways();
        await using var service = await StartAsync(settings =>
            settings with
            {
                Authorization = settings.Authorization with
                {
                    CircuitBreaker = settings.Authorization.CircuitBreaker with
                    {
                        MaxFailures = 1,
                        ResetTimeout = TimeSpan.FromMilliseconds(50),
                    },
                },
                Monitoring = settings.Monitoring with
                {
                    Thresholds = settings.Monitoring.Thresholds with { MinimumSamples = 1_000 },
                }, // the breaker alone
            }
        );
        await AcceptAsync(service, 1);
        await UntilAsync(service, "authorization", "DEGRADED");

        _authorizer.AnswersAlways(AuthorizerAnswer.AllowedByList);
        await Eventually.HoldsAsync(
            async () => (await BreakerAfterOneMore()) == "closed",
            "the probe closed the breaker"
        );

        Assert.Equal("UP", await ComponentAsync(service, "authorization"));

        async Task<string> BreakerAfterOneMore()
        {
            await AcceptAsync(service, 1);
            return (await HealthAsync(service))
                .Body.GetProperty("components")
                .GetProperty("authorization")
                .GetProperty("details")
                .GetProperty("circuitBreaker")
                .GetString()!;
        }
    }

    [Fact]
    public async Task AuthorizationErrorRate_IsDegraded_UntilTheWindowHasPassed()
    {
        _authorizer.FailsAlways();
        await using var service = await StartAsync(settings =>
            settings with
            {
                Authorization = settings.Authorization with
                {
                    MaxRetries = 0,
                    CircuitBreaker = settings.Authorization.CircuitBreaker with { Enabled = false },
                },
            }
        );

        await AcceptAsync(service, 19);
        await Eventually.HoldsAsync(() => _receiver.Received.Count == 19, "19 callbacks");
        Assert.Equal("UP", await ComponentAsync(service, "authorization")); // too few to make a rate
        await AcceptAsync(service, 1);

        await UntilAsync(service, "authorization", "DEGRADED");
        Assert.Equal(
            "errorRate=1 totalDecisions=20 circuitBreaker=closed",
            Details((await HealthAsync(service)).Body, "authorization")
        );
        _time.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal("UP", await ComponentAsync(service, "authorization"));
        Assert.Equal(
            "errorRate=0 totalDecisions=20 circuitBreaker=closed",
            Details((await HealthAsync(service)).Body, "authorization")
        );
    }

    [Fact]
    public async Task CallbackErrorRate_IsDegraded_UntilTheWindowHasPassed()
    {
        _receiver.RespondWith(HttpStatusCode.BadRequest);
        await using var service = await StartAsync();

        await AcceptAsync(service, 20);

        await UntilAsync(service, "callbacks", "DEGRADED");
        await Eventually.HoldsAsync(
            async () => Details((await HealthAsync(service)).Body, "callbacks") == "errorRate=1 totalCallbacks=20",
            "20 attempts"
        );
        _time.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal("UP", await ComponentAsync(service, "callbacks"));
    }

    [Fact]
    public async Task BrokenAccessList_IsDegraded_UntilItIsMended()
    {
        var file = "";
        await using var service = await RunningService.StartAsync(
            settings =>
            {
                file = settings.Authorization.Acl.File;
                return settings;
            },
            services => services.AddTime(_time)
        );
        var good = await File.ReadAllTextAsync(file);
        const string Line = "The access list was not reloaded, the previous one stays";
        var logged = CapturedConsole.Text.Length;

        await File.WriteAllTextAsync(file, good + "!\n");
        await UntilAsync(service, "acl", "DEGRADED", TimeSpan.FromSeconds(1));
        Assert.Equal($"rules=2 problem={Hidden}", Details((await HealthAsync(service)).Body, "acl"));
        var broken = Details(await OperatorsHealthAsync(service), "acl");
        Assert.Equal(
            1,
            (await service.GetAsync("/metrics")).GetProperty("acl").GetProperty("reload_failures_total").GetInt64()
        );
        await File.WriteAllTextAsync(file, good);

        Assert.StartsWith("rules=2 problem=", broken, StringComparison.Ordinal);
        Assert.Contains("line 4", broken, StringComparison.Ordinal);
        await UntilAsync(service, "acl", "UP", TimeSpan.FromSeconds(1));
        await Eventually.HoldsAsync(
            () => CapturedConsole.Text[logged..].Contains(Line, StringComparison.Ordinal),
            "it is logged"
        );
    }

    [Fact]
    public async Task BrokenFileOfSigningKeys_IsDegraded_UntilItIsMended()
    {
        const string Key = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
        var file = Path.Combine(Directory.CreateTempSubdirectory("akkacharging-signing-").FullName, "keys");
        await File.WriteAllTextAsync(file, Key);
        await using (
            var service = await StartAsync(settings =>
                settings with
                {
                    Callback = settings.Callback with { Signing = settings.Callback.Signing with { KeysFile = file } },
                }
            )
        )
        {
            Assert.Equal("keys=1", Details((await HealthAsync(service)).Body, "signing"));

            await File.WriteAllTextAsync(file, Key + "\nnonsense");
            await UntilAsync(service, "signing", "DEGRADED", TimeSpan.FromSeconds(1));
            var (statusCode, health) = await HealthAsync(service);
            var broken = await OperatorsHealthAsync(service);
            await File.WriteAllTextAsync(file, Key + "\n" + Key[..^4] + "NzY1");

            Assert.Equal((200, "DEGRADED"), (statusCode, Text(health, "status")));
            Assert.Equal($"keys=1 problem={Hidden}", Details(health, "signing"));
            Assert.StartsWith("keys=1 problem=", Details(broken, "signing"), StringComparison.Ordinal);
            Assert.Contains(file, Details(broken, "signing"), StringComparison.Ordinal);
            Assert.DoesNotContain("nonsense", broken.ToString(), StringComparison.Ordinal);
            await UntilAsync(service, "signing", "UP", TimeSpan.FromSeconds(1));
            Assert.Equal("keys=2", Details((await HealthAsync(service)).Body, "signing"));
        }

        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    [Fact]
    public async Task Thresholds_AreThoseOfTheSettings_AndNotReachedByTheirExactValue()
    {
        await using var service = await StartAsync(settings =>
            settings with
            {
                Authorization = settings.Authorization with
                {
                    MaxRetries = 0,
                    CircuitBreaker = settings.Authorization.CircuitBreaker with { Enabled = false },
                },
                Callback = settings.Callback with
                {
                    DestinationBreaker = settings.Callback.DestinationBreaker with { Enabled = false },
                },
                Monitoring = settings.Monitoring with
                {
                    Thresholds = new(
                        QueueUsage: 0.1,
                        AuthorizationErrorRate: 0.5,
                        CallbackErrorRate: 0.25,
                        MinimumSamples: 4
                    ),
                },
                Queue = settings.Queue with { MaxSize = 20 },
            }
        );
        await DecideAndCallAsync(AuthorizerAnswer.AllowedByList, HttpStatusCode.NoContent);
        await DecideAndCallAsync(AuthorizerAnswer.AllowedByList, HttpStatusCode.NoContent);
        await DecideAndCallAsync(answer: null, HttpStatusCode.NoContent);
        await DecideAndCallAsync(answer: null, HttpStatusCode.BadRequest);
        await Eventually.HoldsAsync(
            async () =>
                (await HealthAsync(service)).Body is var health
                && Details(health, "authorization")
                    .StartsWith("errorRate=0.5 totalDecisions=4", StringComparison.Ordinal)
                && Details(health, "callbacks") == "errorRate=0.25 totalCallbacks=4",
            "all four are counted"
        );
        Assert.Equal(
            ("UP", "UP"),
            (await ComponentAsync(service, "authorization"), await ComponentAsync(service, "callbacks"))
        );

        await DecideAndCallAsync(answer: null, HttpStatusCode.BadRequest);

        await UntilAsync(service, "authorization", "DEGRADED"); // 3 of 5
        await UntilAsync(service, "callbacks", "DEGRADED"); // 2 of 5
        await Eventually.HoldsAsync(
            () => service.App.Services.GetRequiredService<ChargingService>().Status.Pending == 0,
            "all are settled"
        );
        _authorizer.HangsAlways();
        await AcceptAsync(service, 2);
        Assert.Equal("UP", await ComponentAsync(service, "queue")); // 2 of 20
        await AcceptAsync(service, 1);
        Assert.Equal("DEGRADED", await ComponentAsync(service, "queue"));

        async Task DecideAndCallAsync(AuthorizerAnswer? answer, HttpStatusCode statusCode)
        {
            if (answer is { } given)
                _authorizer.AnswersAlways(given);
            else
                _authorizer.FailsAlways();
            _receiver.RespondWith(statusCode);
            await service.StateAsync(
                await service.AcceptAsync(_receiver.Url),
                statusCode == HttpStatusCode.NoContent ? "delivered" : "failed"
            );
        }
    }

    [Fact]
    public async Task UnavailableJournal_IsDown_AndNotReady_ButLive()
    {
        var journal = new ScriptedJournal("sqlite") { Fault = new JournalUnavailableException("disk full") };
        await using var service = await StartAsync(journal: journal);

        var (statusCode, health) = await HealthAsync(service);
        var (ready, readiness) = await AnswerAsync(service, "/health/ready");
        var (live, _) = await AnswerAsync(service, "/health/live");
        var operators = await OperatorsHealthAsync(service);
        journal.Fault = null;

        Assert.Equal((503, "DOWN", "DOWN"), (statusCode, Text(health, "status"), Status(health, "journal")));
        Assert.Equal($"kind=sqlite problem={Hidden}", Details(health, "journal"));
        Assert.Equal("kind=sqlite problem=disk full", Details(operators, "journal"));
        Assert.Equal((503, "DOWN", 200), (ready, Text(readiness, "status"), live));
        Assert.Equal("the journal is not available", Text(readiness.GetProperty("details"), "journal"));
        Assert.Equal(200, (await HealthAsync(service)).StatusCode);
        Assert.Equal(200, (await AnswerAsync(service, "/health/ready")).StatusCode);
    }

    [Fact]
    public async Task UnavailableJournal_IsLoggedWithItsProblem_WhenItGoesAndComes_AndNotByEachProbe()
    {
        var problem = $"problem-{Guid.NewGuid():N}";
        var logged = CapturedConsole.Text.Length;
        var journal = new ScriptedJournal("sqlite");
        await using (var service = await StartAsync(journal: journal))
        {
            var watch = service.App.Services.GetServices<IHostedService>().OfType<HealthWatch>().Single();
            await watch.Judging;
            journal.Fault = new JournalUnavailableException(problem);
            for (var i = 0; i < 50; i++)
                Assert.Equal(503, (await AnswerAsync(service, "/health/ready")).StatusCode);
            await JudgeAsync();
            await JudgeAsync();
            journal.Fault = null;
            await JudgeAsync();

            async Task JudgeAsync()
            {
                _time.Advance(HealthWatch.Interval);
                await watch.Judging;
            }
        }

        await Eventually.HoldsAsync(
            () => Log().Contains("The component journal is no longer down; it is UP", StringComparison.Ordinal),
            "its return is logged"
        );
        var line = Assert.Single(Log().Split('\n'), entry => entry.Contains(problem, StringComparison.Ordinal));
        Assert.Contains(
            $"The component journal is down: kind = sqlite, problem = {problem}",
            line,
            StringComparison.Ordinal
        );
        Assert.DoesNotContain("HealthCheckEnd", Log(), StringComparison.Ordinal);

        string Log() => CapturedConsole.Text[logged..];
    }

    [Fact]
    public async Task CheckThatThrows_IsLogged()
    {
        var defect = $"defect-{Guid.NewGuid():N}";
        await using var service = await StartAsync(customize: services =>
            services
                .AddHealthChecks()
                .AddCheck(
                    "defective",
                    () => throw new InvalidOperationException(defect),
                    tags: [HealthEndpoints.ReadyTag]
                )
        );

        var (statusCode, body) = await AnswerAsync(service, "/health/ready");

        Assert.Equal((503, "Unhealthy"), (statusCode, Text(body.GetProperty("details"), "defective")));
        await Eventually.HoldsAsync(
            () => CapturedConsole.Text.Contains(defect, StringComparison.Ordinal),
            "the exception is logged"
        );
    }

    [Fact]
    public async Task JournalWithDamagedRows_IsDegraded_AndStillReady()
    {
        await using var service = await StartAsync(journal: new ScriptedJournal("sqlite") { Damaged = 2 });

        var (statusCode, health) = await HealthAsync(service);

        Assert.Equal((200, "DEGRADED"), (statusCode, Status(health, "journal")));
        Assert.Equal("kind=sqlite damaged=2", Details(health, "journal"));
        Assert.Equal(200, (await AnswerAsync(service, "/health/ready")).StatusCode);
    }

    [Fact]
    public async Task PipelineThatDiesAgainAndAgain_IsDown_AndNotLive_UntilARunLasts()
    {
        var journal = new ScriptedJournal();
        await using var service = await StartAsync(journal: journal);
        await AcceptAsync(service, 1);
        // Waits for the settlement, because a request whose settlement hits the defect is called back again.
        await Eventually.HoldsAsync(
            async () =>
                (await service.GetAsync("/metrics")).GetProperty("deliveries_total").GetProperty("delivered").GetInt64()
                == 1,
            "the first request is settled"
        );
        _authorizer.Next(
            (_, _) =>
            {
                journal.Fault = new InvalidOperationException("a defect in the journal");
                return ValueTask.FromResult(AuthorizerAnswer.AllowedByList);
            }
        );

        await AcceptAsync(service, 1);
        // DEGRADED may be over before it is asked for.
        await Eventually.HoldsAsync(
            async () => await ComponentAsync(service, "pipeline") is "DEGRADED" or "DOWN",
            "pipeline is DEGRADED, or DOWN already"
        );
        await UntilAsync(service, "pipeline", "DOWN");
        var (live, liveness) = await AnswerAsync(service, "/health/live");
        var (statusCode, health) = await HealthAsync(service);
        journal.Fault = null;

        Assert.Equal((503, "DOWN"), (live, Text(liveness, "status")));
        Assert.Equal("the graph of a lane fails repeatedly", Text(liveness.GetProperty("details"), "pipeline"));
        Assert.Equal((503, "DOWN"), (statusCode, Text(health, "status")));
        await UntilAsync(service, "pipeline", "UP");
        await Eventually.HoldsAsync(() => _receiver.Received.Count == 2, "the request that survived five graphs");
    }

    [Fact]
    public async Task SilentMetricsActor_IsDegraded_AndMetricsSaySo()
    {
        await using var service = await StartAsync(customize: services =>
            services.AddSingleton<IMetricsSink>(new SilentMetrics())
        );

        var (statusCode, health) = await HealthAsync(service);
        using var metrics = await service.Http.GetAsync("/metrics");

        Assert.Equal((200, "DEGRADED"), (statusCode, Text(health, "status")));
        Assert.Equal(
            ("problem=no figures", "problem=no figures"),
            (Details(health, "authorization"), Details(health, "callbacks"))
        );
        Assert.Equal("The metrics actor does not answer.", await Api.RefusedAsync(metrics, 503, "metrics_unavailable"));
    }

    [Fact]
    public async Task FailingReceiverAndAuthorizer_NeverMakeItUnready()
    {
        _authorizer.FailsAlways();
        _receiver.RespondWith(HttpStatusCode.BadRequest);
        await using var service = await StartAsync();
        await AcceptAsync(service, 25);
        await UntilAsync(service, "callbacks", "DEGRADED");

        var (ready, body) = await AnswerAsync(service, "/health/ready");

        Assert.Equal((200, "UP"), (ready, Text(body, "status")));
        Assert.Equal(["started", "journal"], Api.Names(body.GetProperty("details")));
    }

    [Fact]
    public async Task SwitchedOff_HealthAndMetricsReturn404_AndTheProbesAnswer()
    {
        await using var service = await StartAsync(settings =>
            settings with
            {
                Monitoring = settings.Monitoring with { HealthCheckEnabled = false, MetricsEnabled = false },
            }
        );

        foreach (var path in new[] { "/health", "/metrics" })
            await Api.RefusedAsync(await service.Http.GetAsync(path), 404, "not_found");
        foreach (var path in new[] { "/health/live", "/health/ready" })
            Assert.Equal(200, (await AnswerAsync(service, path)).StatusCode);
        await service.AcceptAsync(_receiver.Url);
    }

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();

    private static string? Status(JsonElement health, string component) =>
        Text(health.GetProperty("components").GetProperty(component), "status");

    private static string Details(JsonElement health, string component) =>
        string.Join(
            ' ',
            health
                .GetProperty("components")
                .GetProperty(component)
                .GetProperty("details")
                .EnumerateObject()
                .Select(detail => $"{detail.Name}={detail.Value.GetString()}")
        );

    private static async Task<(int StatusCode, JsonElement Body)> AnswerAsync(RunningService service, string path)
    {
        using var answer = await service.Http.GetAsync(path);
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.ToString());
        return ((int)answer.StatusCode, await Api.BodyOf(answer));
    }

    private static async Task<JsonElement> OperatorsHealthAsync(RunningService service) =>
        (await Api.BodyOf(await service.Management.GetAsync("/admin/overview"))).GetProperty("health");

    private static Task<(int StatusCode, JsonElement Body)> HealthAsync(RunningService service) =>
        AnswerAsync(service, "/health");

    private static async Task<string?> ComponentAsync(RunningService service, string component) =>
        Status((await HealthAsync(service)).Body, component);

    private async Task UntilAsync(RunningService service, string component, string status, TimeSpan step = default) =>
        await Eventually.HoldsAsync(
            async () =>
            {
                _time.Advance(step);
                return await ComponentAsync(service, component) == status;
            },
            $"{component} is {status}"
        );

    private async Task AcceptAsync(RunningService service, int count)
    {
        for (var i = 0; i < count; i++)
            await service.AcceptAsync(_receiver.Url);
    }

    private Task<RunningService> StartAsync(
        Func<ChargingSettings, ChargingSettings>? change = null,
        ScriptedJournal? journal = null,
        Action<IServiceCollection>? customize = null
    ) =>
        RunningService.StartAsync(
            settings =>
            {
                var quick = settings.WithServer(server => server with { ShutdownGrace = TimeSpan.Zero }) with
                {
                    Authorization = settings.Authorization with { MaxRetries = 0 },
                };
                return change is null ? quick : change(quick);
            },
            services =>
            {
                services.AddTime(_time).AddAuthorizer(_authorizer);
                if (journal is not null)
                    services.AddSingleton<IRequestJournal>(journal);
                customize?.Invoke(services);
            }
        );

    private sealed class SilentMetrics : IMetricsSink
    {
        public void Tell(MetricsEvent happened) { }

        public Task<IReadOnlyList<HistoryPoint>> GetHistoryAsync(long pending, CancellationToken cancellationToken) =>
            throw new AskTimeoutException("silent");

        public Task<MetricsSnapshot> GetAsync(CancellationToken cancellationToken) =>
            Task.FromException<MetricsSnapshot>(new AskTimeoutException("silent"));
    }
}
