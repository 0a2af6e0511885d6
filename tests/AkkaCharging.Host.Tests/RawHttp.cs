using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using AkkaCharging.Testing;

namespace AkkaCharging.Host.Tests;

/// <summary>An answer as it came over the wire.</summary>
internal sealed record RawAnswer(int StatusCode, string Head, string Body)
{
    public JsonElement Json => JsonSerializer.Deserialize<JsonElement>(Body);
}

/// <summary>A connection that sends what <see cref="HttpClient"/> would not.</summary>
internal sealed class RawHttp : IDisposable
{
    public const string PostHead =
        "POST /api/v1/charging-session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: "
        + "application/json\r\n";

    private readonly TcpClient _client = new();

    public static Task<RawHttp> ConnectAsync(RunningService service) => ConnectAsync(service.Http);

    private static async Task<RawHttp> ConnectAsync(HttpClient listener)
    {
        var raw = new RawHttp();
        await raw._client.ConnectAsync(listener.BaseAddress!.Host, listener.BaseAddress.Port);
        return raw;
    }

    /// <summary>Sends <paramref name="text"/> on a connection of its own and reads the answer.</summary>
    public static Task<RawAnswer> ExchangeAsync(RunningService service, string text) =>
        ExchangeAsync(service.Http, text);

    /// <param name="listener">The one that it speaks to is spoken to.</param>
    public static async Task<RawAnswer> ExchangeAsync(HttpClient listener, string text)
    {
        using var raw = await ConnectAsync(listener);
        await raw.SendAsync(text);
        return await raw.ReceiveAsync();
    }

    public static string Chunked(string body, int chunkLength) =>
        PostHead
        + "Transfer-Encoding: chunked\r\n\r\n"
        + string.Concat(body.Chunk(chunkLength).Select(chunk => $"{chunk.Length:x}\r\n{new string(chunk)}\r\n"))
        + "0\r\n\r\n";

    public async Task SendAsync(string text) => await _client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(text));

    /// <summary>
    /// Reads one answer; the service may keep the connection for a while, to read the rest of a body that it refused.
    /// </summary>
    public async Task<RawAnswer> ReceiveAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var reader = new StreamReader(
            _client.GetStream(),
            Encoding.Latin1,
            detectEncodingFromByteOrderMarks: false,
            bufferSize: 1_024,
            leaveOpen: true
        );
        var head = new List<string>();
        while (await reader.ReadLineAsync(patience.Token) is { Length: > 0 } line)
            head.Add(line);
        var length = head.Single(line => line.StartsWith("Content-Length:", StringComparison.Ordinal))[
            "Content-Length:".Length..
        ];
        var body = new char[int.Parse(length)];
        await reader.ReadBlockAsync(body, patience.Token);
        return new(int.Parse(head[0].AsSpan(9, 3)), string.Join("\r\n", head), new string(body));
    }

    public void Dispose() => _client.Dispose();
}
