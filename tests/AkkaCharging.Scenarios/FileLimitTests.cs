using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using AkkaCharging.Testing;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios;

/// <summary>
/// More idle connections from strangers than the process may have files, while callers submit in bursts.
/// </summary>
/// <remarks>
/// For a long run: AKKACHARGING_FILE_LIMIT_SECONDS and AKKACHARGING_FILE_LIMIT, 1800 and 1024 or 4096.
/// </remarks>
[Collection(nameof(RunsAlone))]
[Trait("Category", "Scenario")]
[Trait("QuietGroup", "3")]
public sealed class FileLimitTests(ITestOutputHelper output) : IDisposable
{
    private const int BurstSize = 60;
    private static readonly int Limit = Setting("AKKACHARGING_FILE_LIMIT", 704);
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(Setting("AKKACHARGING_FILE_LIMIT_SECONDS", 8));
    private readonly ScenarioFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task IdleConnectionsBeyondTheFileLimit_CallersAndOperatorsAreServed_AndNothingIsLost()
    {
        await using var receiver = await ReceiverProcess.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(ClientLoad.Unhurried),
            _folder.Path,
            launcher: ["sh", "-c", $"ulimit -n {Limit}; exec \"$@\"", "sh"]
        );
        using var operators = new HttpClient(
            new SocketsHttpHandler { UseProxy = false, PooledConnectionLifetime = TimeSpan.Zero }
        )
        {
            BaseAddress = await service.ManagementAddressAsync(),
        };
        var load = new ClientLoad(service.Port, receiver.Url("/ok"));
        var clock = new Stopwatch();
        var (bursts, served) = (0, 0);
        var (filesMost, threadsMost) = (0, 0);
        await using (var idle = new IdleCallers(service.Port, Limit + 100))
        {
            await Eventually.HoldsAsync(
                () => Task.FromResult(service.Process.HasExited || idle.Opened > Limit + 100),
                "more connections were opened than there are files"
            );
            clock.Start();
            while (clock.Elapsed < Duration && !service.Process.HasExited)
            {
                served += await BurstAsync(service.Port, receiver.Url("/ok"));
                bursts++;
                Assert.Equal("200", await AskAsync(operators));
                filesMost = Math.Max(
                    filesMost,
                    Directory.EnumerateFileSystemEntries($"/proc/{service.Process.Id}/fd").Count()
                );
                threadsMost = Math.Max(
                    threadsMost,
                    Directory.EnumerateFileSystemEntries($"/proc/{service.Process.Id}/task").Count()
                );
            }

            Assert.False(service.Process.HasExited, service.Process.Everything);
            await load.MoreIsAcceptedAsync(100); // while they are there
        }

        // For some seconds the system hands over connections of those who left, which may displace those of a burst.
        await Eventually.HoldsAsync(
            async () => await BurstAsync(service.Port, receiver.Url("/ok")) == BurstSize,
            "each submission of a burst is answered",
            TimeSpan.FromSeconds(30)
        );

        await load.MoreIsAcceptedAsync(100);
        await load.StopAsync();
        var accepted = load.Accepted.Select(request => request.Number).ToHashSet();
        HashSet<int> lost = [];
        await Eventually.HoldsAsync(
            async () =>
            {
                lost = [.. accepted];
                lost.ExceptWith(
                    (await receiver.ReceivedAsync()).Select(arrival =>
                        int.Parse(arrival.Path.Split('/')[^1], CultureInfo.InvariantCulture)
                    )
                );
                return lost.Count == 0;
            },
            "each accepted request is called back"
        );
        var took = load.Answers.Select(answer => answer.Took.TotalMilliseconds).Order().ToList();
        output.WriteLine(
            $"{Limit} files, {clock.Elapsed.TotalSeconds:0} s: {accepted.Count} accepted, {lost.Count} lost, "
                + $"{load.InDoubt} in doubt, {load.Unreached} unreached, {served} of {bursts * BurstSize} in bursts "
                + "answered, "
                + $"accept p50 {took[took.Count / 2]:0} ms p99 {took[took.Count * 99 / 100]:0} ms, at most "
                + $"{filesMost} files and {threadsMost} threads"
        );
        Assert.InRange(filesMost, 1, Limit - 1);
        Assert.Equal(0, await service.StopAsync());
    }

    /// <returns>The status 200, or the failure in its place.</returns>
    private static async Task<string> AskAsync(HttpClient operators)
    {
        try
        {
            using var answer = await operators.GetAsync("/admin/overview");
            return answer.StatusCode == HttpStatusCode.OK
                ? "200"
                : $"{answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}";
        }
        catch (Exception e) when (e is HttpRequestException or SocketException)
        {
            return e.ToString();
        }
    }

    private static int Setting(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text
            ? int.Parse(text, CultureInfo.InvariantCulture)
            : otherwise;

    /// <summary>Submissions at the same moment, each on a connection of its own.</summary>
    /// <returns>How many were answered.</returns>
    private static async Task<int> BurstAsync(int port, string url)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false })
        {
            Timeout = TimeSpan.FromSeconds(10),
        };
        var answered = 0;
        await Task.WhenAll(
            Enumerable
                .Range(0, BurstSize)
                .Select(async _ =>
                {
                    try
                    {
                        const string Station = RunningService.Station;
                        const string Token = ScenarioFolder.AllowedToken;
                        using var body = new StringContent(
                            $$"""{"stationId":"{{Station}}","driverToken":"{{Token}}","callbackUrl":"{{url}}/0"}""",
                            mediaType: new("application/json")
                        );
                        using var answer = await http.PostAsync(
                            $"http://127.0.0.1:{port}{ServiceProcess.SubmitPath}",
                            body
                        );
                        Interlocked.Increment(ref answered);
                    }
                    catch (Exception e) when (e is HttpRequestException or SocketException or TaskCanceledException)
                    {
                        // Its connection may have found every place busy, or made room for a newer one.
                    }
                })
        );
        return answered;
    }

    /// <summary>Connections that send nothing; one that is closed is opened again.</summary>
    private sealed class IdleCallers : IAsyncDisposable
    {
        private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(500);
        private readonly CancellationTokenSource _leaving = new();
        private readonly Task _all;
        private int _opened;

        public IdleCallers(int port, int count) =>
            _all = Task.WhenAll(Enumerable.Range(0, count).Select(_ => Task.Run(() => StayAsync(port))));

        public int Opened => Volatile.Read(ref _opened);

        public async ValueTask DisposeAsync()
        {
            await _leaving.CancelAsync();
            await _all;
            _leaving.Dispose();
        }

        private async Task StayAsync(int port)
        {
            using var pace = new PeriodicTimer(Pace);
            var nothing = new byte[1];
            while (!_leaving.IsCancellationRequested)
            {
                try
                {
                    using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                    await socket.ConnectAsync(IPAddress.Loopback, port, _leaving.Token);
                    Interlocked.Increment(ref _opened);
                    await socket.ReceiveAsync(nothing, _leaving.Token);
                    await pace.WaitForNextTickAsync(_leaving.Token);
                }
                catch (Exception e) when (e is SocketException or OperationCanceledException)
                {
                    // Closed by the service, or leaving.
                }
            }
        }
    }
}
