using System.Net;
using System.Net.Sockets;
using System.Text;
using AkkaCharging.Host.Connections;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace AkkaCharging.Host.Tests.Connections;

[Trait("Category", "Component")]
public sealed class BoundedListenerTests
{
    private const int Max = 4;

    [Fact]
    public async Task WithoutAFreeFile_AcceptIsTriedAgainLater_AndTheListenerLives()
    {
        var time = new FakeTimeProvider();
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        var tries = 0;
        await using var listener = new BoundedListener(
            socket,
            new ConnectionPlaces(Max, time),
            time,
            NullLogger.Instance,
            cancellation =>
                ++tries <= 3
                    ? throw new SocketException((int)SocketError.TooManyOpenSockets)
                    : socket.AcceptAsync(cancellation)
        );
        using var caller = new TcpClient();
        await caller.ConnectAsync((IPEndPoint)listener.EndPoint);

        var accepting = listener.AcceptAsync().AsTask();
        for (var tried = 1; tried <= 3; tried++)
        {
            Assert.Equal(tried, tries); // once, until time advances
            time.Advance(TimeSpan.FromMilliseconds(100));
            await Eventually.HoldsAsync(() => tries > tried, "it is tried again");
        }

        await using var connection = await accepting;
        Assert.NotNull(connection);
        await listener.UnbindAsync();
        Assert.Null(await listener.AcceptAsync());
    }

    [Fact]
    public async Task RequestsThatNobodyReads_AreTakenUpTo64KiB()
    {
        const int BytesMax = 65_536;
        const int BlockBytes = 4_096; // read at a time
        var time = new FakeTimeProvider();
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        await using var listener = new BoundedListener(
            socket,
            new ConnectionPlaces(Max, time),
            time,
            NullLogger.Instance
        );
        using var caller = new TcpClient();
        await caller.ConnectAsync((IPEndPoint)listener.EndPoint);
        await using var connection = await listener.AcceptAsync();

        await SendUntilNothingIsTakenAsync(caller, new byte[BytesMax]);

        await Eventually.HoldsAsync(() => Taken() >= BytesMax, "as much is taken as is allowed");
        Assert.InRange(Taken(), BytesMax, BytesMax + BlockBytes);

        long Taken()
        {
            var input = connection!.Transport.Input;
            if (!input.TryRead(out var read))
                return 0;
            var taken = read.Buffer.Length;
            input.AdvanceTo(read.Buffer.Start); // examines nothing: more would be read for whoever has seen everything
            return taken;
        }
    }

    [Fact]
    public async Task FullOfSilentConnections_CallersAreServed_AndTheirConnectionsStay()
    {
        await using var service = await StartAsync();
        // its connection is kept
        Assert.Equal(HttpStatusCode.OK, (await service.Http.GetAsync("/health/live")).StatusCode);
        var silent = new List<TcpClient>();
        for (var i = 0; i < 3 * Max; i++)
            silent.Add(await ConnectAsync(service));

        var places = service.App.Services.GetRequiredService<BoundedTransport>().Callers;
        await Eventually.HoldsAsync(
            () => places.Displaced == (2 * Max) + 1,
            "silent connections made room for silent ones"
        );
        Assert.Equal(HttpStatusCode.OK, (await service.Http.GetAsync("/health/live")).StatusCode);
        using var another = new HttpClient { BaseAddress = service.Http.BaseAddress };
        Assert.Equal(HttpStatusCode.OK, (await another.GetAsync("/health/ready")).StatusCode);

        Assert.Equal((Max, (2L * Max) + 2, 0L), (places.Open, places.Displaced, places.Refused));
        silent.ForEach(connection => connection.Dispose());
        await Eventually.HoldsAsync(() => places.Open == 2, "those that left gave their places back");
    }

    [Fact]
    public async Task FullOfBusyConnections_ANewOneIsClosedAtOnce_AndOperatorsAreServed()
    {
        await using var service = await StartAsync();
        var busy = new List<TcpClient>();
        for (var i = 0; i < Max; i++)
        {
            var connection = await ConnectAsync(service);
            busy.Add(connection);
            await connection
                .GetStream()
                .WriteAsync(
                    (
                        "POST /api/v1/charging-session HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"u8
                        + "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"u8
                    ).ToArray()
                );
            Assert.NotEqual(0, await connection.GetStream().ReadAsync(new byte[64])); // 100: the server awaits the body
        }

        var places = service.App.Services.GetRequiredService<BoundedTransport>().Callers;
        using var late = await ConnectAsync(service);
        Assert.True(await EndsAsync(late));
        Assert.Equal((Max, 1L, 0L), (places.Open, places.Refused, places.Displaced));
        Assert.Equal(HttpStatusCode.OK, (await service.Management.GetAsync("/admin/overview")).StatusCode);
        busy.ForEach(connection => connection.Dispose());
        await Eventually.HoldsAsync(() => places.Open == 0, "those that left gave their places back");
        Assert.Equal(HttpStatusCode.OK, (await service.Http.GetAsync("/health/live")).StatusCode);
    }

    [Theory]
    [InlineData("GET /openapi/v1.json HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("POST /api/v1/charging-session HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")]
    public async Task FullOfConnectionsThatReadNoResponse_CallersAreServed(string request)
    {
        await using var service = await StartAsync();
        var requests = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(request, 500)));
        var unread = new List<TcpClient>();
        for (var i = 0; i < Max; i++)
            unread.Add(await ConnectAsync(service, receiveBuffer: 4_096));
        await Task.WhenAll(unread.Select(connection => SendUntilNothingIsTakenAsync(connection, requests)));
        var places = service.App.Services.GetRequiredService<BoundedTransport>().Callers;
        Assert.Equal((Max, 0L), (places.Open, places.Displaced));

        using var caller = new HttpClient { BaseAddress = service.Http.BaseAddress };
        await Eventually.HoldsAsync(() => AnswersAsync(caller), "a new connection takes the place of one of them");

        Assert.Equal(1, places.Displaced);
        unread.ForEach(connection => connection.Dispose());
    }

    [Fact]
    public async Task SilentConnection_IsClosedAfterTheKeepAliveTime()
    {
        await using var service = await StartAsync(TimeSpan.FromSeconds(1));
        using var silent = await ConnectAsync(service);

        Assert.True(await EndsAsync(silent));
    }

    private static Task<RunningService> StartAsync(TimeSpan? keepAlive = null) =>
        RunningService.StartAsync(settings =>
            settings.WithServer(server =>
                server with
                {
                    MaxConnections = Max,
                    RequestTimeout = TimeSpan.FromMinutes(1),
                    KeepAlive = keepAlive ?? TimeSpan.FromMinutes(1),
                    ShutdownGrace = TimeSpan.Zero,
                }
            )
        );

    private static async Task SendUntilNothingIsTakenAsync(TcpClient connection, byte[] requests)
    {
        while (true)
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
            try
            {
                await connection.GetStream().WriteAsync(requests, patience.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private static async Task<bool> AnswersAsync(HttpClient caller)
    {
        try
        {
            return (await caller.GetAsync("/health/live")).StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false; // closed at once
        }
    }

    private static async Task<TcpClient> ConnectAsync(RunningService service, int? receiveBuffer = null)
    {
        var client = new TcpClient();
        if (receiveBuffer is { } bytes)
            client.ReceiveBufferSize = bytes;
        await client.ConnectAsync(IPAddress.Loopback, service.Http.BaseAddress!.Port);
        return client;
    }

    private static async Task<bool> EndsAsync(TcpClient client)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        try
        {
            return await client.GetStream().ReadAsync(new byte[1], patience.Token) == 0;
        }
        catch (IOException)
        {
            return true; // a reset
        }
    }
}
