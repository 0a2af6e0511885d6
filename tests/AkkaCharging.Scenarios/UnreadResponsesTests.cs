using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using AkkaCharging.Testing;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios;

/// <summary>
/// Connections that send many of the most expensive requests that need no key, and read no response: submissions of
/// others are accepted as fast as before.
/// </summary>
[Collection(nameof(RunsAlone))]
[Trait("Category", "Scenario")]
[Trait("QuietGroup", "3")]
public sealed class UnreadResponsesTests(ITestOutputHelper output) : IDisposable
{
    private const int Connections = 60;
    private const int Rounds = 5;
    private const int PipelinedTimes = 10;
    private const int PerRound = 200;
    private const double PerSecond = 200;
    private const double RatioMax = 2;

    /// <summary>Times below this depend on the scheduler of a busy machine, not on the service.</summary>
    private static readonly TimeSpan Floor = TimeSpan.FromMilliseconds(10);

    /// <summary>
    /// For the second in which the connections are opened and answered until they are full: sixty clients on the
    /// processors that the service has, too.
    /// </summary>
    private static readonly TimeSpan BurstFloor = TimeSpan.FromMilliseconds(50);

    private static readonly byte[] Pipelined = Encoding.ASCII.GetBytes(
        string.Concat(
            Enumerable.Repeat(
                "GET /openapi/v1.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
                    + "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\n\r\n",
                100
            )
        )
    );

    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task PipelinedRequestsThatAreNeverRead_DelayNoSubmission()
    {
        await using var receiver = await ReceiverProcess.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(("AUTHORIZATION_THROTTLE_ELEMENTS", "0"), ("LOGGING_LEVEL", "error")),
            _folder.Path
        );
        await SubmitAsync(service, receiver); // warms up

        // The rounds alternate, so that whatever else the machine does is in both.
        var (without, burst, with) = (new List<TimeSpan>(), new List<TimeSpan>(), new List<TimeSpan>());
        var sent = 0L;
        for (var round = 0; round < Rounds; round++)
        {
            without.Add(await SubmitAsync(service, receiver));
            await using var flood = new Flood(service.Port);
            await Eventually.HoldsAsync(() => flood.Connected == Connections, "all are connected");
            burst.Add(await SubmitAsync(service, receiver));
            with.Add(await SubmitAsync(service, receiver));
            foreach (var path in new[] { "/health/live", "/health/ready", "/health" })
                Assert.Equal(HttpStatusCode.OK, (await service.Http.GetAsync(path)).StatusCode);
            sent += flood.Sent;
        }

        output.WriteLine(
            $"accept p99 without: {Text(without)}; while {Connections} connections fill, {sent:n0} bytes sent: "
                + $"{Text(burst)}; with them: {Text(with)}"
        );
        Assert.InRange(Median(with), TimeSpan.Zero, RatioMax * Max(Median(without), Floor));
        Assert.InRange(burst.Min(), TimeSpan.Zero, RatioMax * Max(without.Min(), BurstFloor));
        Assert.Equal(0, await service.StopAsync());
    }

    /// <summary>The 99th percentile of the times in which a round of submissions is accepted.</summary>
    /// <remarks>An open loop: submissions come at their time, whatever became of those before.</remarks>
    private static async Task<TimeSpan> SubmitAsync(ServiceProcess service, ReceiverProcess receiver)
    {
        var took = new ConcurrentQueue<TimeSpan>();
        using var pace = new PeriodicTimer(TimeSpan.FromSeconds(1 / PerSecond));
        var submissions = new List<Task>();
        for (var i = 0; i < PerRound; i++)
        {
            await pace.WaitForNextTickAsync();
            submissions.Add(SubmitOneAsync());
        }

        await Task.WhenAll(submissions);
        return took.Order().ElementAt(took.Count * 99 / 100);

        async Task SubmitOneAsync()
        {
            var startedAt = Stopwatch.GetTimestamp();
            using var answer = await service.Http.PostAsJsonAsync(
                ServiceProcess.SubmitPath,
                new
                {
                    stationId = RunningService.Station,
                    driverToken = ScenarioFolder.AllowedToken,
                    callbackUrl = receiver.Url(),
                }
            );
            took.Enqueue(Stopwatch.GetElapsedTime(startedAt));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
    }

    private static TimeSpan Median(List<TimeSpan> times) => times.Order().ElementAt(times.Count / 2);

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private static string Text(List<TimeSpan> times) =>
        $"{Median(times).TotalMilliseconds:f1} ms "
        + $"({string.Join(", ", times.Select(time => $"{time.TotalMilliseconds:f1}"))})";

    /// <summary>Connections that send 2,000 requests each and read nothing.</summary>
    private sealed class Flood : IAsyncDisposable
    {
        private readonly CancellationTokenSource _over = new();
        private readonly Task _running;
        private int _connected;
        private long _sent;

        public Flood(int port) =>
            _running = Task.WhenAll(Enumerable.Range(0, Connections).Select(_ => Task.Run(() => RunAsync(port))));

        public int Connected => Volatile.Read(ref _connected);

        public long Sent => Interlocked.Read(ref _sent);

        public async ValueTask DisposeAsync()
        {
            await _over.CancelAsync();
            await _running;
            _over.Dispose();
        }

        private async Task RunAsync(int port)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, port, _over.Token);
                Interlocked.Increment(ref _connected);
                for (var i = 0; i < PipelinedTimes; i++)
                    Interlocked.Add(ref _sent, await socket.SendAsync(Pipelined, _over.Token));
                await Task.Delay(Timeout.Infinite, _over.Token);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                // closed by the service, or over
            }
        }
    }
}
