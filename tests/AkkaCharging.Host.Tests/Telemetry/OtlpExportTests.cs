using System.Diagnostics;
using System.Globalization;
using System.Net;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using AkkaCharging.Testing.Otlp;
using AkkaCharging.Testing.Tls;

namespace AkkaCharging.Host.Tests.Telemetry;

[Trait("Category", "Component")]
public sealed class OtlpExportTests
{
    [Fact]
    public async Task AnswersOfEveryKind_AreSpans_WithoutACallersText()
    {
        var trace = ActivityTraceId.CreateRandom().ToHexString();
        await using var collector = await OtlpCollector.StartAsync();
        await using (var service = await RunningService.StartAsync(sources: Sources(collector.Settings)))
        {
            await SendAsync(service, HttpMethod.Get, $"{Api.Submit}/canary");
            await SendAsync(service, HttpMethod.Post, Api.Submit);
            await SendAsync(service, new HttpMethod("CANARY"), "/canary?canary");
            await SendAsync(service, HttpMethod.Get, "/health");
        }

        Assert.Equal(
            [
                "GET /api/v1/charging-session/{requestId} http.request.method=GET "
                    + "http.response.status_code=404 http.route=/api/v1/charging-session/{requestId} url.scheme=http",
                "POST /api/v1/charging-session http.request.method=POST http.response.status_code=415 "
                    + "http.route=/api/v1/charging-session url.scheme=http",
                "_OTHER http.request.method=_OTHER http.response.status_code=404 url.scheme=http",
            ],
            collector.Spans.Where(span => span.TraceId == trace).Select(Text)
        );

        async Task SendAsync(RunningService service, HttpMethod method, string path)
        {
            using var message = new HttpRequestMessage(method, path);
            message.Headers.Add("traceparent", $"00-{trace}-b7ad6b7169203331-01");
            message.Headers.Add("tracestate", "vendor=canary");
            using var response = await service.Http.SendAsync(message);
        }
    }

    [Theory]
    [InlineData("01", true)]
    [InlineData("00", false)]
    public async Task CallersDecisionWhetherToSample_HoldsForTheWholeTrace(string flags, bool isSampled)
    {
        var trace = ActivityTraceId.CreateRandom().ToHexString();
        await using var collector = await OtlpCollector.StartAsync();
        await using var receiver = await CallbackReceiver.StartAsync();
        await using (var service = await RunningService.StartAsync(sources: Sources(collector.Settings)))
        {
            using var message = Api.Post(
                Api.Body(receiver.Url),
                ("traceparent", $"00-{trace}-b7ad6b7169203331-{flags}")
            );
            using var response = await service.Http.SendAsync(message);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            await Eventually.HoldsAsync(() => receiver.Received.Count == 1, "it is called back");
        }

        var names = collector
            .Spans.Where(span => span.TraceId == trace)
            .Select(span => span.Name)
            .Order(StringComparer.Ordinal);
        Assert.Equal(
            isSampled ? ["POST /api/v1/charging-session", "authorization", "callback", "queue wait"] : [],
            names
        );
    }

    [Fact]
    public async Task Metrics_AreThoseOfTheMetricsActor()
    {
        await using var collector = await OtlpCollector.StartAsync();
        await using var receiver = await CallbackReceiver.StartAsync();
        await using (await SettledAsync(collector, receiver))
        {
            // Its stop exports.
        }

        // Values of the last export, at the stop. Other services of this process have meters of the same name, so a
        // value may be higher, but never lower.
        var points = collector.Points;
        foreach (
            var (name, labels, least) in new[]
            {
                ("akkacharging_requests", "outcome=accepted", 1),
                ("akkacharging_stage_duration", "stage=end_to_end", 1),
                ("akkacharging_queue_capacity_requests", "", 10_000),
                ("akkacharging_in_flight_calls", "stage=authorization", 0),
                ("akkacharging_acl_reloads", "outcome=success", 0),
                ("akkacharging_circuit_breaker_state", "", 0),
                ("akkacharging_journal_available", "", 0),
                ("akkacharging_oldest_pending_age", "", 0),
            }
        )
        {
            Assert.True(
                points.Any(point => point.Name == name && point.Labels == labels && point.Value >= least),
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name} {labels} of at least {least} in:\n{string.Join('\n', points)}"
                )
            );
        }
    }

    [Fact]
    public async Task Metrics_AreAllThatAPrometheusIsTold()
    {
        string[] elsewhere =
        [
            "akkacharging_build_info", // the resource tells the version
            "akkacharging_journal_commit_duration",
            "akkacharging_journal_batch_writes", // there are no commits with the journal in memory
        ];
        string scraped;
        await using var collector = await OtlpCollector.StartAsync();
        await using var receiver = await CallbackReceiver.StartAsync();
        await using (var service = await SettledAsync(collector, receiver))
        {
            using var message = new HttpRequestMessage(HttpMethod.Get, "/metrics")
            {
                Headers = { { "Accept", "text/plain" } },
            };
            using var answer = await service.Http.SendAsync(message);
            scraped = await answer.Content.ReadAsStringAsync();
        }

        var names = scraped
            .Split('\n')
            .Where(line => line.StartsWith("# TYPE akkacharging_", StringComparison.Ordinal))
            .Select(line =>
                line.Split(' ')[2]
                    .Replace("_total", "", StringComparison.Ordinal)
                    .Replace("_seconds", "", StringComparison.Ordinal)
            )
            .ToList();
        var exported = collector.Points.Select(point => point.Name).ToHashSet(StringComparer.Ordinal);

        Assert.Contains("akkacharging_dead_letter_requests", names);
        Assert.Empty(names.Except(elsewhere).Except(exported));
    }

    [Theory]
    [InlineData("TRACES", true, false)]
    [InlineData("METRICS", false, true)]
    public async Task EndpointOfOneSignal_ExportsThatSignalAlone(string signal, bool hasSpans, bool hasPoints)
    {
        await using var collector = await OtlpCollector.StartAsync();
        await using var receiver = await CallbackReceiver.StartAsync();
        var endpoint = collector.Settings.Single(variable => variable.Name == "OTEL_EXPORTER_OTLP_ENDPOINT").Value;
        await using (
            var service = await RunningService.StartAsync(
                sources: Sources([
                    .. collector.Settings.Where(variable => variable.Name != "OTEL_EXPORTER_OTLP_ENDPOINT"),
                    ($"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT", $"{endpoint}/v1/{signal.ToLowerInvariant()}"),
                ])
            )
        )
            await service.AcceptAsync(receiver.Url);

        Assert.Equal((hasSpans, hasPoints), (collector.Spans.Count > 0, collector.Points.Count > 0));
    }

    [Theory]
    [InlineData("grpc")]
    [InlineData("http/protobuf")]
    public async Task CollectorsCertificate_HasNothingFetched(string protocol)
    {
        await using var trap = new FetchTrap();
        using var certificate = new LeadingCertificate(trap);
        await using var bare = certificate.Receiver(isComplete: false);
        await using (await ExportingAsync(bare.Port, protocol))
            await Eventually.HoldsAsync(() => bare.Connections > 1, "it is tried again, so the first try is over");

        Assert.Equal(0, await trap.ConnectionsAsync());
    }

    [Fact]
    public async Task CollectorOfTheAuthorityThatTheVariablesName_IsTaken()
    {
        await using var trap = new FetchTrap();
        using var certificate = new LeadingCertificate(trap);
        await using var collector = certificate.Receiver(
            isComplete: true,
            answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        var authority = Path.GetTempFileName();
        File.WriteAllText(authority, certificate.Authority.ExportCertificatePem());
        await using (
            await ExportingAsync(collector.Port, "http/protobuf", ("OTEL_EXPORTER_OTLP_CERTIFICATE", authority))
        )
            await Eventually.HoldsAsync(() => collector.Written > 0, "an export is answered");
        File.Delete(authority);

        Assert.Equal(0, await trap.ConnectionsAsync());
    }

    private static Task<RunningService> ExportingAsync(
        int port,
        string protocol,
        params (string Name, string Value)[] more
    ) =>
        RunningService.StartAsync(
            sources: Sources([
                ("OTEL_EXPORTER_OTLP_ENDPOINT", $"https://127.0.0.1:{port}"),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
                ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
                .. more,
            ])
        );

    /// <summary>A service that has settled one request, and exports its metrics when it stops.</summary>
    private static async Task<RunningService> SettledAsync(OtlpCollector collector, CallbackReceiver receiver)
    {
        var service = await RunningService.StartAsync(
            sources: Sources([.. collector.Settings, ("OTEL_METRIC_EXPORT_INTERVAL", "60000")])
        );
        await service.AcceptAsync(receiver.Url);
        await Eventually.HoldsAsync(
            async () =>
                (await service.GetAsync("/metrics")).GetProperty("deliveries_total").GetProperty("delivered").GetInt64()
                == 1,
            "it is settled"
        );
        return service;
    }

    private static string Text(ExportedSpan span) =>
        string.Join(
            ' ',
            span.Attributes.OrderBy(attribute => attribute.Key, StringComparer.Ordinal)
                .Select(attribute => $"{attribute.Key}={attribute.Value}")
                .Prepend(span.Name)
        );

    private static SettingsSources Sources((string Name, string Value)[] environment) =>
        new(
            ConfigFile: null,
            Development: false,
            Environment([.. environment]),
            Path.GetTempPath(),
            Path.GetTempPath()
        );

    // The last one of a name counts.
    private static Dictionary<string, string> Environment(params (string Name, string? Value)[] variables) =>
        variables
            .Where(variable => variable.Value is not null)
            .GroupBy(variable => variable.Name, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.Last().Value!, StringComparer.Ordinal);
}
