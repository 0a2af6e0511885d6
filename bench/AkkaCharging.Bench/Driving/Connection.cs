using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;

namespace AkkaCharging.Bench.Driving;

/// <summary>One keep-alive connection with at most one request under way.</summary>
internal sealed class Connection : IDisposable
{
    private readonly byte[] _received = new byte[4_096];
    private readonly IPEndPoint _target;
    private readonly Epoll _epoll;
    private readonly int _number;
    private Socket _socket;
    private int _length;

    public Connection(IPEndPoint target, Epoll epoll, int number)
    {
        (_target, _epoll, _number) = (target, epoll, number);
        _socket = Connect();
    }

    /// <summary>The sequence number of the request under way; -1 for none.</summary>
    public int Sequence { get; private set; } = -1;

    /// <summary>Since when the next request could be sent, in ticks.</summary>
    public long FreeSince { get; private set; }

    public void Send(int sequence, ReadOnlySpan<byte> request)
    {
        Sequence = sequence;
        _length = 0;
        var sent = _socket.Send(request, SocketFlags.None, out var error);
        if (error != SocketError.Success)
            throw new SocketException((int)error);
        if (sent != request.Length)
            throw new InvalidOperationException("A request was not taken whole by the socket.");
    }

    /// <summary>Reads what is there.</summary>
    /// <returns>The answer's HTTP status; 0 when it is not complete yet; -1 when the connection was lost and is made
    /// anew.</returns>
    public int Receive(long now)
    {
        var count = _socket.Receive(_received.AsSpan(_length), SocketFlags.None, out var error);
        if (error == SocketError.WouldBlock)
            return 0;
        if (count == 0 || error != SocketError.Success || Sequence < 0)
        {
            Reconnect(now);
            return -1;
        }

        _length += count;
        var answer = _received.AsSpan(0, _length);
        var head = answer.IndexOf("\r\n\r\n"u8);
        if (head < 0 || _length < head + 4 + BodyLength(answer[..head]))
            return 0;
        Free(now);
        return Number(answer["HTTP/1.1 ".Length..]);
    }

    /// <summary>Gives up what is under way.</summary>
    public void Reconnect(long now)
    {
        _socket.Dispose();
        _socket = Connect();
        Free(now);
    }

    public void Dispose() => _socket.Dispose();

    private void Free(long now) => (Sequence, FreeSince) = (-1, now);

    private static int BodyLength(ReadOnlySpan<byte> head)
    {
        var name = "Content-Length: "u8;
        var at = head.IndexOf(name);
        return at >= 0
            ? Number(head[(at + name.Length)..])
            : throw new InvalidOperationException("An answer has no Content-Length; the driver reads no other.");
    }

    private static int Number(ReadOnlySpan<byte> text) =>
        Utf8Parser.TryParse(text, out int number, out _)
            ? number
            : throw new InvalidOperationException("An answer is not HTTP/1.1.");

    private Socket Connect()
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(_target);
        socket.Blocking = false;
        _epoll.Watch(socket, _number);
        return socket;
    }
}
