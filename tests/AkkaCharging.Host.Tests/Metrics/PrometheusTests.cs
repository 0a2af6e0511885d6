using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;
using AkkaCharging.Metrics;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Metrics;

[Trait("Category", "Component")]
public sealed partial class PrometheusTests
{
    private const string OpenMetrics = "application/openmetrics-text; version=1.0.0";

    [Fact]
    public async Task Figures_AgreeWithWhatWasDone()
    {
        await using var receiver = await CallbackReceiver.StartAsync();
        await using var service = await RunningService.StartAsync(settings =>
            settings.WithServer(server => server with { ShutdownGrace = TimeSpan.Zero })
        );
        await service.AcceptAsync(receiver.Url);
        await service.AcceptAsync(receiver.Url, RunningService.BlockedToken);
        await Eventually.HoldsAsync(() => receiver.Received.Count == 2, "two callbacks");
        receiver.RespondWith(HttpStatusCode.NotFound);
        await service.AcceptAsync(receiver.Url, RunningService.UnknownToken);
        using (await service.SubmitAsync("nonsense"))
            await Eventually.HoldsAsync(
                async () =>
                    (await ScrapeAsync(service)).GetValueOrDefault(
                        """akkacharging_deliveries_total{outcome="failed"}"""
                    ) == 1,
                "the failed callback"
            );
        receiver.Hang();
        await service.AcceptAsync(receiver.Url);
        await Eventually.HoldsAsync(
            async () => (await ScrapeAsync(service))["""akkacharging_in_flight_calls{stage="callback"}"""] == 1,
            "the hanging callback"
        );

        await Eventually.HoldsAsync(
            async () => (await ScrapeAsync(service))["akkacharging_oldest_pending_age_seconds"] > 0,
            "the age of what is pending"
        );
        var figures = await ScrapeAsync(service);

        Assert.Equal(
            (4, 1, 0),
            (
                figures["""akkacharging_requests_total{outcome="accepted"}"""],
                figures["""akkacharging_requests_total{outcome="validation_error"}"""],
                figures["""akkacharging_requests_total{outcome="internal_error"}"""]
            )
        );
        Assert.Equal(
            (2, 1, 1, 0),
            (
                figures["""akkacharging_decisions_total{status="allowed",reason="in_acl"}"""],
                figures["""akkacharging_decisions_total{status="not_allowed",reason="blocked"}"""],
                figures["""akkacharging_decisions_total{status="not_allowed",reason="not_in_acl"}"""],
                figures["""akkacharging_decisions_total{status="unknown",reason="circuit_open"}"""]
            )
        );
        Assert.Equal(
            (2, 1),
            (
                figures["""akkacharging_callback_attempts_total{outcome="success"}"""],
                figures["""akkacharging_callback_attempts_total{outcome="http_error"}"""]
            )
        );
        Assert.Equal(0, figures["""akkacharging_callback_connections_unopened_total{resource="files"}"""]);
        Assert.Equal(
            (2, 1),
            (
                figures["""akkacharging_deliveries_total{outcome="delivered"}"""],
                figures["""akkacharging_deliveries_total{outcome="failed"}"""]
            )
        );
        Assert.InRange(figures["akkacharging_dead_letter_requests"], 0, 1); // as counted up to 5 s ago
        Assert.Equal(
            (1, 10_000),
            (figures["akkacharging_queue_depth_requests"], figures["akkacharging_queue_capacity_requests"])
        );
        Assert.Equal(0, figures["akkacharging_circuit_breaker_state"]);
        Assert.Equal(
            (2, 0, 1),
            (
                figures["akkacharging_acl_rules"],
                figures["akkacharging_acl_last_reload_failed"],
                figures["akkacharging_journal_available"]
            )
        );
        Assert.Equal(
            [4, 4, 4, 3, 3],
            ((string[])["accept", "queue_wait", "authorization", "callback", "end_to_end"]).Select(stage =>
                figures[$$"""akkacharging_stage_duration_seconds_count{stage="{{stage}}"}"""]
            )
        );
        Assert.True(figures["process_working_set_bytes"] > 0);
        Assert.True(figures["dotnet_threadpool_threads"] > 0);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData(OpenMetrics)]
    public async Task Text_IsKeptForASecond_InEachFormat(string accept)
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2030-01-01T00:00:00Z"));
        await using var service = await RunningService.StartAsync(
            settings => settings.WithServer(server => server with { ShutdownGrace = TimeSpan.Zero }),
            services => services.AddTime(time)
        );
        var first = await TextAsync();
        await (await service.SubmitAsync("nonsense")).Content.ReadAsStringAsync();
        await Eventually.HoldsAsync(
            async () => (await service.GetAsync("/metrics")).GetProperty("requests_total").GetInt64() == 1,
            "JSON is of the moment"
        );

        time.Advance(TimeSpan.FromMilliseconds(999));
        var kept = await TextAsync();
        time.Advance(TimeSpan.FromMilliseconds(1));
        var anew = await TextAsync();

        Assert.Equal(first, kept);
        Assert.Contains(
            """akkacharging_requests_total{outcome="validation_error"} 0""",
            kept,
            StringComparison.Ordinal
        );
        Assert.Contains(
            """akkacharging_requests_total{outcome="validation_error"} 1""",
            anew,
            StringComparison.Ordinal
        );

        async Task<string> TextAsync()
        {
            using var response = await GetAsync(service, accept);
            return await response.Content.ReadAsStringAsync();
        }
    }

    [Fact]
    public void EveryStatusThatASubmissionIsAnsweredWith_IsAnOutcome_FromTheStart()
    {
        var source = File.ReadAllText(
            Path.Combine(Repository.Root, "src/AkkaCharging.Host/Http/ChargingSessionEndpoints.cs")
        );
        var body = File.ReadAllText(Path.Combine(Repository.Root, "src/AkkaCharging.Host/Http/ApiErrors.cs"));

        var statuses = Statuses()
            .Matches(source)
            .Concat(Returned().Matches(body))
            .SelectMany(match => match.Groups["status"].Captures)
            .Select(status => Enum.Parse<AnswerStatus>(status.Value))
            .Distinct();

        Assert.Equal(AnswerStatuses.OfSubmissions.Order(), statuses.Order());
    }

    [Fact]
    public void EveryStatus_HasItsNameInSnakeCase() =>
        Assert.All(
            Enum.GetValues<AnswerStatus>(),
            status => Assert.Equal(JsonNamingPolicy.SnakeCaseLower.ConvertName($"{status}"), status.Name())
        );

    [Theory]
    [InlineData("text/plain", "text/plain; version=0.0.4; charset=utf-8")]
    [InlineData(OpenMetrics, OpenMetrics + "; charset=utf-8")]
    [InlineData("*/*", "application/json")]
    public async Task Answer_HasTheTypeThatWasAskedFor(string accept, string contentType)
    {
        await using var service = await RunningService.StartAsync();

        using var response = await GetAsync(service, accept);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(contentType, response.Content.Headers.ContentType!.ToString());
        Assert.Equal("no-store", response.Headers.CacheControl!.ToString());
        Assert.Equal("Accept", response.Headers.Vary.Single());
        Assert.Equal(
            accept == OpenMetrics,
            (await response.Content.ReadAsStringAsync()).EndsWith("# EOF\n", StringComparison.Ordinal)
        );
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData(OpenMetrics)]
    [InlineData("application/json")]
    public async Task SwitchedOff_IsNotFound_InEveryForm(string accept)
    {
        await using var service = await RunningService.StartAsync(settings =>
            settings with
            {
                Monitoring = settings.Monitoring with { MetricsEnabled = false },
            }
        );

        using var response = await GetAsync(service, accept);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task CallersChooseNoLabel()
    {
        await using var receiver = await CallbackReceiver.StartAsync();
        await using var service = await RunningService.StartAsync(settings =>
            settings with
            {
                Callback = settings.Callback with
                {
                    Security = settings.Callback.Security with
                    {
                        Allow = [.. settings.Callback.Security.Allow, IPNetwork.Parse("127.0.0.2/32")],
                    },
                },
            }
        );
        await ScrapeAsync(service);
        var before = (await ScrapeAsync(service)).Keys.ToHashSet(StringComparer.Ordinal);

        await service.AcceptAsync(receiver.Url + "?canary-path");
        using (await service.SubmitAsync("http://canary-host.example/", "canary-driver-token-0001"))
        using (await service.Http.GetAsync("/canary-route"))
        using (await service.Http.SendAsync(new HttpRequestMessage(new HttpMethod("CANARY"), "/metrics")))
            await Eventually.HoldsAsync(
                async () => (await ScrapeAsync(service))["""akkacharging_deliveries_total{outcome="delivered"}"""] == 1,
                "delivered"
            );

        Assert.Equal(
            before.Order(StringComparer.Ordinal),
            (await ScrapeAsync(service)).Keys.Order(StringComparer.Ordinal)
        );
        Assert.InRange(before.Count, 100, 400);
    }

    [Fact]
    public async Task AnotherAuthorizer_HasNoAccessListToTellOf()
    {
        await using var service = await RunningService.StartAsync(customize: services =>
            services.AddAuthorizer(new ScriptedAuthorizer().HangsAlways())
        );
        await service.AcceptAsync("http://127.0.0.1:1/");

        await Eventually.HoldsAsync(
            async () => (await ScrapeAsync(service))["""akkacharging_in_flight_calls{stage="authorization"}"""] == 1,
            "the hanging authorizer"
        );

        Assert.DoesNotContain(
            (await ScrapeAsync(service)).Keys,
            series => series.StartsWith("akkacharging_acl", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task JournalOnDisk_TellsOfItsCommits()
    {
        var folder = Directory.CreateTempSubdirectory("akkacharging-metrics-").FullName;
        await using (var receiver = await CallbackReceiver.StartAsync())
        await using (
            var service = await RunningService.StartAsync(settings =>
                settings with
                {
                    Journal = settings.Journal with
                    {
                        Kind = JournalKind.Sqlite,
                        Path = Path.Combine(folder, "journal.db"),
                    },
                }
            )
        )
        {
            await service.AcceptAsync(receiver.Url);
            await Eventually.HoldsAsync(
                async () => (await ScrapeAsync(service))["akkacharging_journal_batch_writes_sum"] == 3,
                "accepted, decided, settled"
            );

            var figures = await ScrapeAsync(service);
            Assert.Equal(3, figures["akkacharging_journal_commit_duration_seconds_count"]);
            Assert.True(figures["akkacharging_journal_commit_duration_seconds_sum"] > 0);
        }

        Directory.Delete(folder, recursive: true);
    }

    private static Task<HttpResponseMessage> GetAsync(RunningService service, string accept) =>
        service.Http.SendAsync(
            new HttpRequestMessage(HttpMethod.Get, "/metrics")
            {
                Headers = { Accept = { MediaTypeWithQualityHeaderValue.Parse(accept) } },
            }
        );

    /// <summary>Series and their values, in the text format.</summary>
    private static async Task<Dictionary<string, double>> ScrapeAsync(RunningService service)
    {
        using var response = await GetAsync(service, "text/plain");
        return (await response.Content.ReadAsStringAsync())
            .Split('\n')
            .Where(line => line.Length > 0 && line[0] != '#')
            .ToDictionary(
                line => line[..line.LastIndexOf(' ')],
                line => double.Parse(line[(line.LastIndexOf(' ') + 1)..]),
                StringComparer.Ordinal
            );
    }

    // What SubmitHandler reports to the metrics: rejections, returned statuses, either of two, and the initial status
    // when an exception is thrown.
    [GeneratedRegex(
        @"(?:RefuseAsync\(\s*context,\s*\d{3},\s*|return |return isReplay \? |status = )"
            + @"AnswerStatus\.(?<status>[A-Za-z]+)(?: : AnswerStatus\.(?<status>[A-Za-z]+))?",
        RegexOptions.ExplicitCapture
    )]
    private static partial Regex Statuses();

    [GeneratedRegex(@"return AnswerStatus\.(?<status>[A-Za-z]+)", RegexOptions.ExplicitCapture)]
    private static partial Regex Returned();
}
