using System.Collections.Concurrent;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;

namespace AkkaCharging.Testing;

/// <summary>How a receiver ends a connection.</summary>
internal enum Ending
{
    /// <summary>Closes it.</summary>
    Fin,

    /// <summary>Resets it.</summary>
    Reset,
}

/// <summary>
/// A healthy receiver that keeps its connections and closes them without notice; every answer is 204.
/// </summary>
/// <param name="answers">How many requests of a connection, counted from 0, and how many connections before it; false
/// ends the connection instead of an answer.</param>
internal sealed partial class ClosingReceiver(Ending ending, Func<int, int, bool> answers) : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> _ids = new();
    private readonly ConcurrentQueue<string> _requestLines = new();
    private RawReceiver? _raw;
    private int _accepted;

    /// <summary>How long a connection may be idle after an answer; null for no limit.</summary>
    public TimeSpan? KeptFor { get; init; }

    /// <summary>
    /// Whether the answer to a webhook-id was read: an idle connection is reset only after that. A reset that overtakes
    /// the reader can take the answer along, and then even a fresh connection ended without one.
    /// </summary>
    public Func<string, bool> HasItsAnswer { get; init; } = _ => true;

    /// <summary>What it sends before it ends a connection instead of an answer.</summary>
    public string LastWords { get; init; } = "";

    /// <summary>Null for plain http.</summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>The webhook-id of each request that was read, in order.</summary>
    public IReadOnlyCollection<string> WebhookIds => _ids;

    /// <summary>The request line of each request that was read, in the same order.</summary>
    public IReadOnlyCollection<string> RequestLines => _requestLines;

    public int Connections => _raw!.Connections;

    public string Url => $"{(Certificate is null ? "http" : "https")}://127.0.0.1:{_raw!.Port}/hook";

    public ClosingReceiver Start()
    {
        _raw = new RawReceiver((_, socket) => ServeAsync(socket), readsFirst: false);
        return this;
    }

    public ValueTask DisposeAsync() => _raw!.DisposeAsync();

    [GeneratedRegex("webhook-id: (\\S+)", RegexOptions.IgnoreCase)]
    private static partial Regex WebhookId();

    private async Task ServeAsync(Socket socket)
    {
        var before = Interlocked.Increment(ref _accepted) - 1;
        await using var network = new NetworkStream(socket);
        Stream stream = network;
        if (Certificate is not null)
        {
            var tls = new SslStream(network);
            await tls.AuthenticateAsServerAsync(Certificate);
            stream = tls;
        }

        var last = "";
        for (var answered = 0; await ReadAsync(stream, isFirst: answered == 0) is { } request; answered++)
        {
            var id = WebhookId().Match(request).Groups[1].Value;
            _requestLines.Enqueue(request[..request.IndexOf("\r\n", StringComparison.Ordinal)]);
            _ids.Enqueue(id);
            if (!answers(answered, before))
            {
                await stream.WriteAsync(Encoding.ASCII.GetBytes(LastWords));
                break;
            }

            await stream.WriteAsync("HTTP/1.1 204 No Content\r\n\r\n"u8.ToArray());
            last = id;
        }

        if (ending == Ending.Reset)
        {
            await Eventually.HoldsAsync(
                () => last.Length == 0 || HasItsAnswer(last) || _raw!.Stopping.IsCancellationRequested,
                "its answers are read"
            );
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
        }
        else if (stream is SslStream announced)
            await announced.ShutdownAsync();
    }

    /// <returns>Null at the end of the connection, or when it was idle for long enough.</returns>
    private async Task<string?> ReadAsync(Stream stream, bool isFirst)
    {
        var buffer = new byte[8_192];
        var length = 0;
        using var idle = CancellationTokenSource.CreateLinkedTokenSource(_raw!.Stopping);
        if (KeptFor is { } keptFor && !isFirst)
            idle.CancelAfter(keptFor);
        while (length == 0 || buffer[length - 1] != (byte)'}')
        {
            int read;
            try
            {
                read = await stream.ReadAsync(buffer.AsMemory(length), length == 0 ? idle.Token : _raw.Stopping);
            }
            catch (OperationCanceledException)
            {
                return null;
            }

            if (read == 0)
                return null;
            length += read;
        }

        return Encoding.ASCII.GetString(buffer, 0, length);
    }
}
