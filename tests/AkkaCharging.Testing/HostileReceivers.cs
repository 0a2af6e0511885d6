using System.IO.Compression;
using System.Net.Sockets;
using AkkaCharging.Requests;

namespace AkkaCharging.Testing;

/// <summary>One way for a receiver to be hostile.</summary>
/// <param name="Outcome">What the attempt must come to.</param>
/// <param name="ReadsFirst">Whether it reads the request before it attacks its sender.</param>
internal sealed record HostileReceiver(
    CallbackOutcome Outcome,
    Func<RawReceiver, Socket, Task> Answer,
    bool ReadsFirst = true
)
{
    public RawReceiver Start() => new(Answer, ReadsFirst);
}

/// <summary>The hostile receivers that a callback may meet.</summary>
internal static class HostileReceivers
{
    private const string Taken = "HTTP/1.1 200 OK\r\n";
    private const int HundredMegabytes = 104_857_600;
    private static readonly TimeSpan DripInterval = TimeSpan.FromSeconds(1);
    private static readonly string Kilobyte = new('x', 1_024);
    private static readonly string Block = new('x', 65_536);

    /// <summary>
    /// By name. Where the head of an answer is whole, it decides: the body is not the service's business.
    /// </summary>
    public static IReadOnlyDictionary<string, HostileReceiver> All { get; } =
        new Dictionary<string, HostileReceiver>(StringComparer.Ordinal)
        {
            ["accepts, never answers"] = new(CallbackOutcome.Timeout, (_, socket) => RawReceiver.ClosedAsync(socket)),
            ["never reads, never answers"] = new(
                CallbackOutcome.Timeout,
                (self, _) => Task.Delay(Timeout.Infinite, self.Stopping),
                ReadsFirst: false
            ),
            ["closes at once"] = new(CallbackOutcome.NetworkError, (_, _) => Task.CompletedTask, ReadsFirst: false),
            ["closes after the request"] = new(CallbackOutcome.NetworkError, (_, _) => Task.CompletedTask),
            ["resets at once"] = new(
                CallbackOutcome.NetworkError,
                (_, socket) => ResetAsync(socket),
                ReadsFirst: false
            ),
            ["resets within the head"] = new(
                CallbackOutcome.NetworkError,
                (self, socket) => WriteAndResetAsync(self, socket, Taken + "Content-Le")
            ),
            ["closes within the head"] = new(
                CallbackOutcome.NetworkError,
                (self, socket) => self.WriteAsync(socket, Taken + "Content-Le")
            ),
            ["closes within the body"] = new(
                CallbackOutcome.Success,
                (self, socket) => self.WriteAsync(socket, Taken + "Content-Length: 1000\r\n\r\nhalf")
            ),
            ["drips its head"] = new(
                CallbackOutcome.Timeout,
                (self, socket) => DripAsync(self, socket, Taken.Select(letter => letter.ToString()))
            ),
            ["drips its body"] = new(
                CallbackOutcome.Success,
                (self, socket) =>
                    DripAsync(self, socket, Enumerable.Repeat("x", 1_024), head: Taken + "Content-Length: 1024\r\n\r\n")
            ),
            ["100 MB body"] = new(
                CallbackOutcome.Success,
                (self, socket) =>
                    FloodAsync(
                        self,
                        socket,
                        Taken + $"Content-Length: {HundredMegabytes}\r\n\r\n",
                        Block,
                        HundredMegabytes / Block.Length
                    )
            ),
            ["body without end"] = new(
                CallbackOutcome.Success,
                (self, socket) => FloodAsync(self, socket, Taken + "\r\n", Block)
            ),
            ["chunks without end"] = new(
                CallbackOutcome.Success,
                (self, socket) =>
                    FloodAsync(self, socket, Taken + "Transfer-Encoding: chunked\r\n\r\n", $"10000\r\n{Block}\r\n")
            ),
            ["chunk extension without end"] = new(
                CallbackOutcome.Success,
                (self, socket) => FloodAsync(self, socket, Taken + "Transfer-Encoding: chunked\r\n\r\n5;", Block)
            ),
            ["trailers without end"] = new(
                CallbackOutcome.Success,
                (self, socket) =>
                    FloodAsync(
                        self,
                        socket,
                        Taken + "Transfer-Encoding: chunked\r\n\r\n0\r\n",
                        $"X-More: {Kilobyte}\r\n"
                    )
            ),
            ["headers without end"] = new(
                CallbackOutcome.NetworkError,
                (self, socket) => FloodAsync(self, socket, Taken, $"X-More: {Kilobyte}\r\n")
            ),
            ["header without end"] = new(
                CallbackOutcome.NetworkError,
                (self, socket) => FloodAsync(self, socket, Taken + "X-More: ", Block)
            ),
            ["folded header without end"] = new(
                CallbackOutcome.NetworkError,
                (self, socket) => FloodAsync(self, socket, Taken + "X-More: a\r\n", $" {Kilobyte}\r\n")
            ),
            ["status line without end"] = new(
                CallbackOutcome.NetworkError,
                (self, socket) => FloodAsync(self, socket, "HTTP/1.1 200 ", Block)
            ),
            ["100 without end"] = new(
                CallbackOutcome.NetworkError,
                (self, socket) => FloodAsync(self, socket, "", "HTTP/1.1 100 Continue\r\n\r\n")
            ),
            ["103 without end"] = new(
                CallbackOutcome.NetworkError,
                (self, socket) => FloodAsync(self, socket, "", $"HTTP/1.1 103 Early Hints\r\nLink: {Kilobyte}\r\n\r\n")
            ),
            ["100 once a second"] = new(
                CallbackOutcome.Timeout,
                (self, socket) => DripAsync(self, socket, Enumerable.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 1_000))
            ),
            ["101 instead of an answer"] = new(
                CallbackOutcome.HttpError,
                (self, socket) =>
                    FloodAsync(
                        self,
                        socket,
                        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
                        Block
                    )
            ),
            ["length too short"] = new(
                CallbackOutcome.Success,
                (self, socket) => self.WriteAsync(socket, Taken + $"Content-Length: 5\r\n\r\n{Kilobyte}")
            ),
            ["length too long"] = new(
                CallbackOutcome.Success,
                (self, socket) => WriteAndWaitAsync(self, socket, Taken + "Content-Length: 4000\r\n\r\nshort")
            ),
            ["length negative"] = new(
                CallbackOutcome.Success,
                (self, socket) => WriteAndWaitAsync(self, socket, Taken + "Content-Length: -1\r\n\r\n")
            ),
            ["length beyond any"] = new(
                CallbackOutcome.Success,
                (self, socket) =>
                    WriteAndWaitAsync(self, socket, Taken + "Content-Length: 99999999999999999999\r\n\r\n")
            ),
            ["two lengths"] = new(
                CallbackOutcome.Success,
                (self, socket) =>
                    WriteAndWaitAsync(self, socket, Taken + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef")
            ),
            ["gzip bomb"] = new(
                CallbackOutcome.Success,
                async (self, socket) =>
                {
                    var bomb = Bomb();
                    await self.WriteAsync(
                        socket,
                        Taken + $"Content-Encoding: gzip\r\nContent-Length: {bomb.Length}\r\n\r\n"
                    );
                    await self.WriteAsync(socket, bomb);
                }
            ),
            ["HTTP/0.9"] = new(
                CallbackOutcome.NetworkError,
                (self, socket) => self.WriteAsync(socket, "<html>ok</html>")
            ),
            ["HTTP/0.9 without end"] = new(
                CallbackOutcome.NetworkError,
                (self, socket) => FloodAsync(self, socket, "", Block)
            ),
            ["zeros without end"] = new(
                CallbackOutcome.NetworkError,
                (self, socket) => FloodAsync(self, socket, "", new string('\0', 65_536))
            ),
            ["HTTP/2 instead of HTTP/1.1"] = new(
                CallbackOutcome.NetworkError,
                (self, socket) => WriteAndWaitAsync(self, socket, "\0\0\u0006\u0004\0\0\0\0\0\0\u0003\0\0\0d\r\n\r\n")
            ),
            ["answers before it reads"] = new(
                CallbackOutcome.Success,
                (self, socket) => WriteAndWaitAsync(self, socket, Taken + "Content-Length: 0\r\n\r\n"),
                ReadsFirst: false
            ),
            ["answers before it reads, without end"] = new(
                CallbackOutcome.Success,
                (self, socket) => FloodAsync(self, socket, Taken + "\r\n", Block),
                ReadsFirst: false
            ),
        };

    private static Task ResetAsync(Socket socket)
    {
        socket.LingerState = new LingerOption(enable: true, seconds: 0);
        return Task.CompletedTask; // disposing it now resets the connection
    }

    private static async Task WriteAndResetAsync(RawReceiver self, Socket socket, string text)
    {
        await self.WriteAsync(socket, text);
        await ResetAsync(socket);
    }

    private static async Task WriteAndWaitAsync(RawReceiver self, Socket socket, string text)
    {
        await self.WriteAsync(socket, text);
        await RawReceiver.ClosedAsync(socket);
    }

    private static async Task FloodAsync(
        RawReceiver self,
        Socket socket,
        string head,
        string text,
        int times = int.MaxValue
    )
    {
        await self.WriteAsync(socket, head);
        for (var i = 0; i < times; i++)
            await self.WriteAsync(socket, text);
        await RawReceiver.ClosedAsync(socket);
    }

    private static async Task DripAsync(RawReceiver self, Socket socket, IEnumerable<string> drops, string head = "")
    {
        await self.WriteAsync(socket, head);
        var closed = RawReceiver.ClosedAsync(socket);
        foreach (var drop in drops)
        {
            await self.WriteAsync(socket, drop);
            if (await Task.WhenAny(closed, Task.Delay(DripInterval, self.Stopping)) == closed)
                break;
        }

        await closed;
    }

    /// <summary>100 MB of zeros in 100 KB.</summary>
    private static byte[] Bomb()
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            var zeros = new byte[1_048_576];
            for (var i = 0; i < 100; i++)
                gzip.Write(zeros);
        }

        return packed.ToArray();
    }
}
