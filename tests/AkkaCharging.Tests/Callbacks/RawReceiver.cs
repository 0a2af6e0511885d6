using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AkkaCharging.Tests.Callbacks;

/// <summary>A receiver below HTTP: reads a request, then writes what a test wants, and counts what it could write.</summary>
internal sealed class RawReceiver : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<RawReceiver, Socket, Task> _answer;
    private readonly Task _serving;
    private int _connections;
    private long _written;

    public RawReceiver(Func<RawReceiver, Socket, Task> answer)
    {
        _answer = answer;
        _listener.Start();
        _serving = ServeAsync();
    }

    public string Url => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/hook";

    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Bytes that the other side, and the buffers between, took.</summary>
    public long Written => Interlocked.Read(ref _written);

    /// <summary>Answers with this text.</summary>
    public static RawReceiver Answering(string text) => new((receiver, socket) => receiver.WriteAsync(socket, text));

    public async Task WriteAsync(Socket socket, string text) => Interlocked.Add(ref _written, await socket.SendAsync(Encoding.ASCII.GetBytes(text)));

    /// <summary>Writes <paramref name="text"/> until nobody takes it any more, or it was written so often.</summary>
    public async Task WriteEndlesslyAsync(Socket socket, string text, int times = int.MaxValue)
    {
        for (var i = 0; i < times; i++)
            await WriteAsync(socket, text);
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _serving;
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                using var socket = await _listener.AcceptSocketAsync();
                Interlocked.Increment(ref _connections);
                await AnswerAsync(socket);
            }
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException)
        {
            // The test is over.
        }
    }

    private async Task AnswerAsync(Socket socket)
    {
        try
        {
            // Head and body of these requests fit into one buffer, and the body ends with the brace of a JSON object.
            var buffer = new byte[16_384];
            var length = 0;
            while (length == 0 || buffer[length - 1] != (byte)'}')
            {
                var read = await socket.ReceiveAsync(buffer.AsMemory(length));
                if (read == 0)
                    return;
                length += read;
            }

            await _answer(this, socket);
        }
        catch (SocketException)
        {
            // The client has had enough.
        }
    }
}
