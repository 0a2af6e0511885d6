using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace AkkaCharging.Testing.Otlp;

/// <summary>A span as it was exported.</summary>
/// <param name="ParentId">Empty for a root.</param>
/// <param name="Attributes">Values as text.</param>
internal sealed record ExportedSpan(
    string TraceId,
    string SpanId,
    string ParentId,
    string TraceState,
    string Name,
    int Kind,
    TimeSpan Duration,
    IReadOnlyDictionary<string, string> Attributes,
    bool IsError,
    string Service
);

/// <summary>A point of a metric as it was exported; of a histogram its count.</summary>
/// <param name="Labels">Such as <c>outcome=accepted</c>, joined by commas.</param>
internal sealed record ExportedPoint(string Name, string Labels, double Value);

/// <summary>A collector of OTLP over HTTP with protobuf on a loopback port, which a test can make hang.</summary>
internal sealed class OtlpCollector : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly TaskCompletionSource _closing = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentQueue<(string Path, byte[] Body)> _received = new();

    private OtlpCollector(WebApplication app) => _app = app;

    /// <summary>Takes what is sent and never answers.</summary>
    public bool Hangs { get; set; }

    /// <summary>Exports so far.</summary>
    public int Count => _received.Count;

    /// <summary>Every byte that arrived, for searches.</summary>
    public byte[] Everything => [.. _received.SelectMany(export => export.Body)];

    public IReadOnlyList<ExportedSpan> Spans =>
        [
            .. from export in _received
            where export.Path.EndsWith("/v1/traces", StringComparison.Ordinal)
            from resource in new ProtobufMessage(export.Body).Messages(1)
            let service = Attributes(resource.Messages(1).Single(), 1)["service.name"]
            from scope in resource.Messages(2)
            from span in scope.Messages(2)
            select ToSpan(span, service),
        ];

    /// <summary>Of the last export of metrics that has any.</summary>
    public IReadOnlyList<ExportedPoint> Points =>
        [
            .. from resource in new ProtobufMessage(
                _received.LastOrDefault(export => export.Path.EndsWith("/v1/metrics", StringComparison.Ordinal)).Body
                    ?? []
            ).Messages(1)
            from scope in resource.Messages(2)
            from metric in scope.Messages(2)
            from point in ToPoints(metric)
            select point,
        ];

    public static async Task<OtlpCollector> StartAsync()
    {
        var app = LoopbackServer.Build();
        var collector = new OtlpCollector(app);
        app.Run(collector.ReceiveAsync);
        await app.StartAsync();
        return collector;
    }

    /// <summary>Settings of a service that sends everything here, soon.</summary>
    public (string Name, string Value)[] Settings =>
        [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", _app.Urls.Single()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
        ];

    public ValueTask DisposeAsync()
    {
        _closing.TrySetResult();
        return _app.DisposeAsync();
    }

    private static ExportedSpan ToSpan(ProtobufMessage span, string service) =>
        new(
            Convert.ToHexStringLower(span.Bytes(1)),
            Convert.ToHexStringLower(span.Bytes(2)),
            Convert.ToHexStringLower(span.Bytes(4)),
            span.Text(3),
            span.Text(5),
            (int)(span.Number(6) ?? 0),
            TimeSpan.FromTicks((long)((span.Number(8) ?? 0) - (span.Number(7) ?? 0)) / TimeSpan.NanosecondsPerTick),
            Attributes(span, 9),
            span.Messages(15).Any(status => status.Number(3) == 2),
            service
        );

    private static IEnumerable<ExportedPoint> ToPoints(ProtobufMessage metric)
    {
        var name = metric.Text(1);
        var numbers = metric.Messages(5).Concat(metric.Messages(7)).SelectMany(data => data.Messages(1));
        return numbers
            .Select(point => new ExportedPoint(
                name,
                Labels(point, 7),
                point.Number(6) is { } whole ? (long)whole : BitConverter.UInt64BitsToDouble(point.Number(4) ?? 0)
            ))
            .Concat(
                metric
                    .Messages(9)
                    .SelectMany(data => data.Messages(1))
                    .Select(point => new ExportedPoint(name, Labels(point, 9), point.Number(4) ?? 0))
            );
    }

    private static string Labels(ProtobufMessage point, int field) =>
        string.Join(
            ',',
            Attributes(point, field)
                .OrderBy(label => label.Key, StringComparer.Ordinal)
                .Select(label => $"{label.Key}={label.Value}")
        );

    private static Dictionary<string, string> Attributes(ProtobufMessage message, int field) =>
        message
            .Messages(field)
            .ToDictionary(
                attribute => attribute.Text(1),
                attribute => Value(attribute.Messages(2).Single()),
                StringComparer.Ordinal
            );

    private static string Value(ProtobufMessage any) =>
        any.Number(3)?.ToString()
        ?? (
            any.Number(2) is { } flag
                ? flag == 1
                    ? "true"
                    : "false"
                : any.Text(1)
        );

    private async Task ReceiveAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        _received.Enqueue((context.Request.Path, body.ToArray()));
        if (Hangs)
            await _closing.Task;
        context.Response.ContentType = "application/x-protobuf";
    }
}
