using System.Net.Http.Json;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Otlp;
using Microsoft.Data.Sqlite;

namespace AkkaCharging.Scenarios;

/// <summary>
/// What a collector gets from the service process, and how the service behaves when the collector fails.
/// </summary>
[Trait("Category", "Scenario")]
public sealed class TracesTests : IDisposable
{
    private const string TraceId = "0af7651916cd43dd8448eb211c80319c";
    private const string CallerSpan = "b7ad6b7169203331";
    private const string Canary = "canary-in-the-trace-state";
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task OneRequest_IsOneTrace_FromHttpThroughQueueAndDecisionToEachAttempt()
    {
        await using var collector = await OtlpCollector.StartAsync();
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings([
                .. collector.Settings,
                ("CALLBACK_RETRY_DELAY_MILLIS", "10"),
                ("OTEL_SERVICE_NAME", "charging-of-the-test"),
            ]),
            _folder.Path
        );

        var id = await SubmitAsync(service, receiver.Url("/fail-twice/secret-path"));
        await Eventually.HoldsAsync(
            () => collector.Spans.Count(span => span.Name == "callback") == 3,
            "three attempts are exported"
        );
        Assert.Equal(0, await service.StopAsync());
        var lines = service.Process.Output.Where(line => line.Contains(id, StringComparison.Ordinal)).ToList();
        Assert.Equal(3, lines.Count); // decided, and two attempts that failed
        Assert.All(lines, line => Assert.Contains($"\"TraceId\":\"{TraceId}\"", line, StringComparison.Ordinal));

        var spans = collector.Spans.Where(span => span.TraceId == TraceId).ToList();
        var http = Assert.Single(spans, span => span.ParentId == CallerSpan);
        Assert.Equal(("POST /api/v1/charging-session", 2), (http.Name, http.Kind));
        Assert.Equal(
            "http.request.method=POST http.response.status_code=200 http.route=/api/v1/charging-session "
                + "url.scheme=http",
            Text(http)
        );
        Assert.All(spans.Where(span => span != http), span => Assert.Equal(http.SpanId, span.ParentId));
        Assert.Equal($"akkacharging.request.id={id}", Text(Assert.Single(spans, span => span.Name == "queue wait")));
        Assert.Equal(
            $"akkacharging.decision.reason=in_acl akkacharging.decision.status=allowed akkacharging.request.id={id}",
            Text(Assert.Single(spans, span => span.Name == "authorization"))
        );
        var attempts = spans.Where(span => span.Name == "callback").ToList();
        var port = new Uri(receiver.Url()).Port;
        Assert.Equal([Failed(), Failed(), Attempt("204", "success", "")], attempts.Select(Text));
        Assert.Equal([true, true, false], attempts.Select(attempt => attempt.IsError));
        Assert.All(attempts, attempt => Assert.Equal((3, true), (attempt.Kind, attempt.Duration > TimeSpan.Zero)));
        Assert.Equal(6, spans.Count);
        Assert.All(
            collector.Spans,
            span => Assert.Equal(("charging-of-the-test", ""), (span.Service, span.TraceState))
        );
        // the probes that waited for its start
        Assert.DoesNotContain(collector.Spans, span => span.Name.Contains("health", StringComparison.Ordinal));

        string Failed() => Attempt("500", "http_error", " error.type=500", "akkacharging.callback.cause=http_status ");
        string Attempt(string status, string outcome, string error, string cause = "") =>
            $"{cause}akkacharging.callback.outcome={outcome} akkacharging.callback.redriven=false "
            + $"akkacharging.request.id={id}{error} http.request.method=POST "
            + $"http.response.status_code={status} server.address=127.0.0.1 server.port={port} url.scheme=http";
    }

    [Fact]
    public async Task RestartAfterACrash_GoesOnWithTheTraceOfTheSubmission()
    {
        await using var collector = await OtlpCollector.StartAsync();
        await using var journal = await JournalHome.NewAsync(JournalHome.Sqlite);
        await using var receiver = await RecordingReceiver.StartAsync();
        var settings = journal.Settings(collector.Settings);
        await using (var first = await ServiceProcess.StartAsync(settings, _folder.Path))
        {
            await SubmitAsync(first, receiver.Url("/gate"));
            await Eventually.HoldsAsync(
                () =>
                    collector.Spans.Any(span => span.Name == "authorization")
                    && collector.Spans.Any(span => span.ParentId == CallerSpan),
                "the decision and the submission are exported"
            );
            await first.Process.CrashAsync();
        }

        var submission = Assert.Single(collector.Spans, span => span.ParentId == CallerSpan);
        Assert.DoesNotContain(collector.Spans, span => span.Name == "callback");
        await receiver.OpenGateAsync();
        await using var second = await ServiceProcess.StartAsync(settings, _folder.Path);

        await Eventually.HoldsAsync(
            () => collector.Spans.Any(span => span.Name == "callback"),
            "the attempt of the second process is exported"
        );
        var attempt = Assert.Single(collector.Spans, span => span.Name == "callback");
        Assert.Equal((TraceId, submission.SpanId), (attempt.TraceId, attempt.ParentId));
    }

    [Fact]
    public async Task WithoutAnEndpoint_NothingIsTraced_AndNoTraceIsStored()
    {
        await using var journal = await JournalHome.NewAsync(JournalHome.Sqlite);
        await using var receiver = await RecordingReceiver.StartAsync();
        await using (var service = await ServiceProcess.StartAsync(journal.Settings(), _folder.Path))
        {
            await SubmitAsync(service, receiver.Url());
            await Eventually.HoldsAsync(async () => await receiver.CountAsync() == 1, "it is called back");
            Assert.Equal(0, await service.StopAsync());
            Assert.DoesNotContain(service.Process.Output, line => line.Contains(TraceId, StringComparison.Ordinal));
        }

        await using var stored = new SqliteConnection(
            $"Data Source={Path.Combine(_folder.Path, "journal.db")};Pooling=false"
        );
        await stored.OpenAsync();
        await using var command = stored.CreateCommand();
        command.CommandText = "SELECT count(*), count(trace) FROM request";
        await using var row = await command.ExecuteReaderAsync();
        await row.ReadAsync();
        Assert.Equal((1, 0), (row.GetInt32(0), row.GetInt32(1)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CollectorThatHangsOrIsAway_LosesNoRequest_AndHoldsUpNoStop(bool hangs)
    {
        await using var collector = await OtlpCollector.StartAsync();
        var settings = collector.Settings;
        if (hangs)
            collector.Hangs = true;
        else
            await collector.DisposeAsync();
        await using var receiver = await RecordingReceiver.StartAsync();
        // A queue for spans that is full at once: spans that do not fit are dropped, and nothing waits for room.
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings([
                .. settings,
                ("OTEL_BSP_MAX_QUEUE_SIZE", "16"),
                ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8"),
                ("AUTHORIZATION_THROTTLE_ELEMENTS", "0"),
            ]),
            _folder.Path
        );

        for (var i = 0; i < 100; i++)
            await service.AcceptAsync(receiver.Url(), ScenarioFolder.AllowedToken);
        await Eventually.HoldsAsync(async () => await receiver.CountAsync() == 100, "all are called back");

        if (hangs)
            await Eventually.HoldsAsync(() => collector.Count > 0, "an export hangs");
        service.Process.Terminate();
        Assert.Equal(0, await service.Process.ExitAsync(TimeSpan.FromSeconds(15)));
    }

    [Fact]
    public async Task EndpointThatIsNoUrl_IsRefused()
    {
        await using var service = ServiceProcess.Launch(
            ScenarioFolder.Settings(("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")),
            _folder.Path
        );

        Assert.Equal(1, await service.Process.ExitAsync());
        Assert.Contains(
            "environment variable OTEL_EXPORTER_OTLP_ENDPOINT: expected the http or https URL of an "
                + "OpenTelemetry collector.",
            service.Process.Everything,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Metrics_AreThoseOfTheMetricsPage_AndTheRuntimes()
    {
        await using var collector = await OtlpCollector.StartAsync();
        await using var receiver = await RecordingReceiver.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings([.. collector.Settings, ("CALLBACK_RETRY_DELAY_MILLIS", "10")]),
            _folder.Path
        );
        await SubmitAsync(service, receiver.Url("/fail-twice"));
        await Eventually.HoldsAsync(
            () => collector.Points.Contains(new("akkacharging_deliveries", "outcome=delivered", 1)),
            "the delivery is exported"
        );

        Assert.Equal(0, await service.StopAsync());

        var points = collector.Points;
        foreach (
            var expected in new ExportedPoint[]
            {
                new("akkacharging_requests", "outcome=accepted", 1),
                new("akkacharging_decisions", "reason=in_acl,status=allowed", 1),
                new("akkacharging_callback_attempts", "outcome=http_error", 2),
                new("akkacharging_callback_attempts", "outcome=success", 1),
                new("akkacharging_stage_duration", "stage=accept", 1),
                new("akkacharging_stage_duration", "stage=callback", 3),
                new("akkacharging_stage_duration", "stage=end_to_end", 1),
                new("akkacharging_queue_capacity_requests", "", 10_000),
                new("akkacharging_in_flight_calls", "stage=callback", 0),
                new("akkacharging_acl_rules", "", 2),
            }
        )
        {
            Assert.Contains(expected, points);
        }

        Assert.Contains(points, point => point is { Name: "akkacharging_journal_commit_duration", Value: > 0 });
        Assert.Contains(points, point => point is { Name: "dotnet.gc.heap.total_allocated", Value: > 0 });
        // they have a label for each host, and callers choose the hosts
        Assert.DoesNotContain(points, point => point.Name.StartsWith("http.", StringComparison.Ordinal));
    }

    private static string Text(ExportedSpan span) =>
        string.Join(
            ' ',
            span.Attributes.OrderBy(attribute => attribute.Key, StringComparer.Ordinal)
                .Select(attribute => $"{attribute.Key}={attribute.Value}")
        );

    /// <summary>Submits below a caller's span.</summary>
    private static async Task<string> SubmitAsync(ServiceProcess service, string callbackUrl)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, ServiceProcess.SubmitPath)
        {
            Content = JsonContent.Create(
                new
                {
                    stationId = RunningService.Station,
                    driverToken = ScenarioFolder.AllowedToken,
                    callbackUrl,
                }
            ),
        };
        message.Headers.Add("traceparent", $"00-{TraceId}-{CallerSpan}-01");
        message.Headers.Add("tracestate", $"vendor={Canary}");
        using var response = await service.Http.SendAsync(message);
        response.EnsureSuccessStatusCode();
        return (await response.Content.ReadFromJsonAsync<System.Text.Json.JsonElement>())
            .GetProperty("requestId")
            .GetString()!;
    }
}
