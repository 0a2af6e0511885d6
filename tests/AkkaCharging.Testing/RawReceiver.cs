using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AkkaCharging.Testing;

/// <summary>
/// A receiver below HTTP: reads a request, then writes what a test wants, and counts what it could write. Connections
/// are served side by side.
/// </summary>
internal sealed class RawReceiver : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<RawReceiver, Socket, Task> _answer;
    private readonly bool _readsFirst;
    private readonly ConcurrentDictionary<Socket, Task> _open = new();
    private readonly ConcurrentQueue<byte[]> _requests = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _serving;
    private int _connections;
    private long _written;

    /// <param name="readsFirst">False calls <paramref name="answer"/> as soon as the connection stands.</param>
    public RawReceiver(Func<RawReceiver, Socket, Task> answer, bool readsFirst = true)
    {
        (_answer, _readsFirst) = (answer, readsFirst);
        _listener.Start();
        _serving = ServeAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public string Url => $"http://127.0.0.1:{Port}/hook";

    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Connections that neither side has ended.</summary>
    public int OpenConnections => _open.Count;

    /// <summary>The test is over.</summary>
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>Bytes that the other side, and the buffers between, took.</summary>
    public long Written => Interlocked.Read(ref _written);

    /// <summary>Head and body of each request as they came over the wire.</summary>
    public IReadOnlyCollection<byte[]> Requests => _requests;

    /// <summary>Answers with this text.</summary>
    public static RawReceiver Answering(string text) => new((receiver, socket) => receiver.WriteAsync(socket, text));

    public Task WriteAsync(Socket socket, string text) => WriteAsync(socket, Encoding.ASCII.GetBytes(text));

    public async Task WriteAsync(Socket socket, byte[] bytes)
    {
        ArgumentNullException.ThrowIfNull(socket);
        Wrote(await socket.SendAsync(bytes));
    }

    /// <summary>Counts what was written by other means than <see cref="WriteAsync(Socket, byte[])"/>.</summary>
    public void Wrote(int bytes) => Interlocked.Add(ref _written, bytes);

    /// <summary>Waits for the other side to close the connection, and takes what it sends until then.</summary>
    public static async Task ClosedAsync(Socket socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        var buffer = new byte[4_096];
        while (await socket.ReceiveAsync(buffer) > 0)
        {
            // The outcome does not matter.
        }
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _stopping.CancelAsync();
        await _serving;
        foreach (var socket in _open.Keys)
            socket.Dispose();
        await Task.WhenAll(_open.Values);
        _stopping.Dispose();
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptSocketAsync();
                Interlocked.Increment(ref _connections);
                var start = new TaskCompletionSource();
                _open[socket] = AnswerAsync(socket, start.Task);
                start.SetResult();
            }
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException)
        {
            // The test is over.
        }
    }

    private async Task AnswerAsync(Socket socket, Task start)
    {
        await start;
        try
        {
            if (!_readsFirst || await ReadAsync(socket))
                await _answer(this, socket);
        }
        catch (Exception e)
            when (e is SocketException or IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The client has had enough, or the test is over.
        }
        finally
        {
            socket.Dispose();
            _open.TryRemove(socket, out _);
        }
    }

    /// <summary>
    /// Head and body of these requests fit into one buffer, and the body ends with the brace of a JSON object.
    /// </summary>
    private async Task<bool> ReadAsync(Socket socket)
    {
        var buffer = new byte[16_384];
        var length = 0;
        while (length == 0 || buffer[length - 1] != (byte)'}')
        {
            var read = await socket.ReceiveAsync(buffer.AsMemory(length));
            if (read == 0)
                return false;
            length += read;
        }

        _requests.Enqueue(buffer[..length]);
        return true;
    }
}
