using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using AkkaCharging.AddressPolicy;

namespace AkkaCharging.Tests.AddressPolicy;

/// <summary>Answers look-ups in the order of its script, then repeats the last answer.</summary>
internal sealed class ScriptedResolver(params string[][] answers) : IHostResolver
{
    private readonly ConcurrentQueue<string> _asked = new();

    public IReadOnlyCollection<string> Asked => _asked;

    public Task<IReadOnlyList<IPAddress>> ResolveAsync(string host, CancellationToken cancellationToken)
    {
        _asked.Enqueue(host);
        var answer = answers[Math.Min(_asked.Count, answers.Length) - 1];
        return Task.FromResult<IReadOnlyList<IPAddress>>([.. answer.Select(IPAddress.Parse)]);
    }
}

/// <summary>
/// Replaces the network: records the targets of connections, and opens none unless it is given an address.
/// </summary>
internal sealed class RecordingDialer(IPEndPoint? to = null)
{
    private readonly ConcurrentQueue<IPEndPoint> _dialled = new();

    public IReadOnlyCollection<IPEndPoint> Dialled => _dialled;

    public async ValueTask<Stream> DialAsync(IPEndPoint endpoint, CancellationToken cancellationToken)
    {
        _dialled.Enqueue(endpoint);
        if (to is null)
            throw new SocketException((int)SocketError.ConnectionRefused);

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(to, cancellationToken);
        return new NetworkStream(socket, ownsSocket: true);
    }
}

/// <summary>
/// An HTTP server on loopback that answers every request with the same text and counts its connections.
/// </summary>
internal sealed class LoopbackReceiver : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly byte[] _answer;
    private readonly Task _serving;
    private readonly ConcurrentQueue<string> _requests = new();
    private int _connections;

    public LoopbackReceiver(string answer)
    {
        _answer = Encoding.ASCII.GetBytes(answer);
        _listener.Start();
        _serving = ServeAsync();
    }

    public IPEndPoint Endpoint => (IPEndPoint)_listener.LocalEndpoint;

    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Request heads, in the order of their arrival.</summary>
    public IReadOnlyCollection<string> Requests => _requests;

    public static string Ok => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

    public static string Redirect(int status, string location) =>
        $"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n";

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _serving;
    }

    private async Task ServeAsync()
    {
        var open = new List<Task>();
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync();
                Interlocked.Increment(ref _connections);
                open.Add(AnswerAsync(client));
            }
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException)
        {
            // Disposed while it waited for a connection, or just before it began to wait.
            await Task.WhenAll(open);
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        using var _ = client;
        try
        {
            using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
            var head = new StringBuilder();
            while (await reader.ReadLineAsync() is { } line)
            {
                head.Append(line).Append('\n');
                if (line.Length > 0)
                    continue;
                _requests.Enqueue(head.ToString());
                head.Clear();
                await client.GetStream().WriteAsync(_answer);
            }
        }
        catch (IOException)
        {
            // The client closed the connection without notice, as it may.
        }
    }
}
