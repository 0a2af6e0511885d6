using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using AkkaCharging.Testing;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios;

/// <summary>
/// Receivers that hang, reset, drip or fail, alongside healthy ones that must not be affected. Real sockets, the
/// service as a process.
/// </summary>
[Collection(nameof(RunsAlone))]
[Trait("Category", "Scenario")]
[Trait("QuietGroup", "1")]
public sealed class IsolationTests(ITestOutputHelper output) : IDisposable
{
    private const int Healthy = 16;
    private const double Factor = 1.2;
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(5);

    // What a machine that does other work too adds to the median; bench/ holds the factor to the 99th percentile, on a
    // quiet one.
    private static readonly TimeSpan Noise = TimeSpan.FromMilliseconds(100);

    // A request that waited for a hanging attempt waited for at least this long.
    private static readonly TimeSpan HangingAttempt = TimeSpan.FromSeconds(6);
    private readonly ScenarioFolder _folder = new();
    private readonly List<TcpListener> _hanging = [];

    public void Dispose()
    {
        _hanging.ForEach(listener => listener.Dispose());
        _folder.Dispose();
    }

    [Fact]
    public async Task FifthOfTheDestinationsFails_TheOthersCallbacksComeAsSoonAsWithout_AndNothingIsDropped()
    {
        await using var receiver = await ReceiverProcess.StartAsync(listeners: Healthy);
        await using var broken = await ReceiverProcess.StartAsync();
        await using var hanging = new RawReceiver((_, socket) => RawReceiver.ClosedAsync(socket));
        await using var resetting = HostileReceivers.All["resets at once"].Start();
        await using var dripping = HostileReceivers.All["drips its head"].Start();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(
                ("CALLBACK_TIMEOUT_MILLIS", "6000"),
                ("REQUEST_MAX_AGE_MILLIS", "20000"),
                ("CALLBACK_RETRY_DELAY_MILLIS", "200")
            ),
            _folder.Path
        );
        var healthy = receiver.Addresses.Select(address => address + "/ok").ToArray();
        string[] failing = [hanging.Url, resetting.Url, dripping.Url, broken.Url("/status/503")];
        await RunAsync(service, receiver, healthy, count: 500, "warm");

        var without = await RunAsync(service, receiver, healthy, count: 1_000, "without");
        var with = await RunAsync(service, receiver, [.. healthy, .. failing], count: 2_500, "with");

        AssertUnharmed(without, with, "a fifth of the destinations fails", service, receiver);
        await Promises.AllSettleAsync(service, accepted: 4_000, delivered: 3_500);
    }

    [Fact]
    public async Task ThousandDestinationsThatHangAtOnce_LeaveTenHealthyOnesUntouched()
    {
        await using var receiver = await ReceiverProcess.StartAsync(listeners: 10);
        var hanging = Enumerable.Range(0, 1_000).Select(_ => Hanging()).ToList();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(
                ("CALLBACK_TIMEOUT_MILLIS", "6000"),
                ("REQUEST_MAX_AGE_MILLIS", "20000"),
                ("QUEUE_MAX_SIZE", "4000")
            ),
            _folder.Path
        );
        var healthy = receiver.Addresses.Select(address => address + "/ok").ToArray();
        await RunAsync(service, receiver, healthy, count: 200, "warm");
        var without = await RunAsync(service, receiver, healthy, count: 500, "without");

        // Five for each: more than the half of the queue that they may have.
        var refused = 0;
        await Parallel.ForAsync(
            0,
            5_000,
            new ParallelOptions { MaxDegreeOfParallelism = 16 },
            async (number, _) =>
            {
                using var answer = await service.SubmitAsync(
                    Url(hanging[number % hanging.Count]),
                    ScenarioFolder.AllowedToken
                );
                if (answer.StatusCode == HttpStatusCode.ServiceUnavailable)
                    Interlocked.Increment(ref refused);
                else
                    Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            }
        );
        var with = await RunAsync(service, receiver, healthy, count: 1_000, "with"); // none of them refused

        Assert.InRange(refused, 3_000, 4_999); // half of the queue is 2,000
        AssertUnharmed(without, with, "a thousand destinations hang", service, receiver);
        await Promises.AllSettleAsync(service, accepted: 1_700 + 5_000 - refused, delivered: 1_700);
    }

    [Theory]
    [InlineData(60, 0)]
    [InlineData(150, 2_850)]
    public async Task RequestsThatFailTwice_AreServedByTheirOwnSchedule_AloneAndBesideHealthyOnes(
        int failing,
        int healthy
    )
    {
        await using var receiver = await ReceiverProcess.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            ScenarioFolder.Settings(("CALLBACK_RETRY_DELAY_MILLIS", "50")),
            _folder.Path
        );
        var every = (failing + healthy) / failing;
        await Parallel.ForAsync(
            0,
            failing + healthy,
            new ParallelOptions { MaxDegreeOfParallelism = 16 },
            async (number, _) =>
                await service.AcceptAsync(
                    receiver.Url(number % every == 0 ? "/fail-twice" : "/ok"),
                    ScenarioFolder.AllowedToken
                )
        );
        var accepted = Stopwatch.GetTimestamp();

        await Promises.AllSettleAsync(service, failing + healthy, delivered: failing + healthy);

        // The schedule itself takes 150 to 180 ms; before, the breaker let one attempt go each 5 s.
        Assert.InRange(Stopwatch.GetElapsedTime(accepted), TimeSpan.Zero, TimeSpan.FromSeconds(5));
        var attempts = await receiver.ReceivedAsync();
        Assert.Equal((failing * 3) + healthy, attempts.Count);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(10)]
    [InlineData(2)]
    public async Task RequestsThatAlwaysFail_LeaveTheOthersOfTheirReceiverAlone(int oneIn)
    {
        await using var receiver = await ReceiverProcess.StartAsync();
        await using var service = await ServiceProcess.StartAsync(ScenarioFolder.Settings(), _folder.Path);
        string[] healthy = [receiver.Url("/ok")];
        await RunAsync(service, receiver, healthy, count: 400, "warm");
        var without = await RunAsync(service, receiver, healthy, count: 500, "without");
        var submittingFailing = Task.Run(async () =>
        {
            for (var number = 0; number < 1_000 / (oneIn - 1); number++)
            {
                await service.AcceptAsync(receiver.Url("/status/500"), ScenarioFolder.AllowedToken);
                await Task.Delay(Between * (oneIn - 1));
            }
        });

        var with = await RunAsync(service, receiver, healthy, count: 1_000, "with");

        await submittingFailing;
        AssertUnharmed(without, with, $"one in {oneIn} always fails", service, receiver);
        Assert.InRange(Percentile(with, 99), TimeSpan.Zero, TimeSpan.FromSeconds(1)); // a probe comes after 5 s
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NewReceivers_AreServedAtOnce_BesideThoseThatHang_AlsoDirectlyAfterARestart(bool isRestarted)
    {
        const int Hangers = 150;
        var settings = ScenarioFolder.Settings(
            ("CALLBACK_MAX_IN_FLIGHT", "256"),
            ("QUEUE_MAX_SIZE", "2000"),
            ("JOURNAL_PATH", "journal.db")
        );
        await using var receiver = await ReceiverProcess.StartAsync(listeners: 12);
        var hanging = Enumerable.Range(0, Hangers + 1).Select(_ => Hanging()).ToList();
        await using var first = await ServiceProcess.StartAsync(settings, _folder.Path);
        var healthy = receiver.Addresses.Select(address => address + "/ok").ToArray();
        await RunAsync(first, receiver, healthy[..4], count: 400, "warm");
        var without = await RunAsync(first, receiver, healthy[4..8], count: 500, "without");

        await Parallel.ForAsync(
            0,
            Hangers * 4,
            new ParallelOptions { MaxDegreeOfParallelism = 16 },
            async (number, _) => await first.AcceptAsync(Url(hanging[number % Hangers]), ScenarioFolder.AllowedToken)
        );
        if (isRestarted)
            await first.Process.CrashAsync();
        await using var second = isRestarted ? await ServiceProcess.StartAsync(settings, _folder.Path) : null;
        var service = second ?? first;

        // None of the healthy ones' requests is refused.
        var with = await RunAsync(service, receiver, [.. healthy[8..], Url(hanging[^1])], count: 1_600, "with");

        output.WriteLine(string.Join(' ', with.Chunk(100).Select(part => $"{part[^1].TotalMilliseconds:F0}")));
        AssertUnharmed(without, with, "150 receivers hang", service, receiver);
        Assert.InRange(Percentile(with, 99), TimeSpan.Zero, TimeSpan.FromMilliseconds(isRestarted ? 2_000 : 1_000));
    }

    // The system accepts the connection, but no program reads the request.
    private TcpListener Hanging()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        _hanging.Add(listener);
        listener.Start();
        return listener;
    }

    private static string Url(TcpListener listener) => $"http://{listener.LocalEndpoint}/hook";

    /// <summary>
    /// Submits on a schedule, however long the answers take, and waits for the callbacks to the healthy receiver.
    /// </summary>
    /// <returns>The times from a submission's place in the schedule to its callback's arrival, in order.</returns>
    private static async Task<List<TimeSpan>> RunAsync(
        ServiceProcess service,
        ReceiverProcess receiver,
        string[] urls,
        int count,
        string name
    )
    {
        var startedAt = Stopwatch.GetTimestamp();
        var submitting = new List<Task>();
        var scheduled = new long[count];
        for (var number = 0; number < count; number++)
        {
            scheduled[number] = startedAt + (long)(number * Between.TotalSeconds * Stopwatch.Frequency);
            if (
                Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), scheduled[number]) is { } early
                && early > TimeSpan.Zero
            )
                await Task.Delay(early);
            submitting.Add(SubmitAsync(urls[number % urls.Length], $"/{name}/{number}"));
        }

        await Task.WhenAll(submitting);
        var expected = Enumerable.Range(0, count).Count(number => IsHealthy(urls[number % urls.Length]));
        var arrivals = new List<TimeSpan>();
        await Eventually.HoldsAsync(
            async () =>
            {
                arrivals =
                [
                    .. (await receiver.ReceivedAsync())
                        .Where(arrival => arrival.Path.StartsWith($"/ok/{name}/", StringComparison.Ordinal))
                        .Select(arrival =>
                            Stopwatch.GetElapsedTime(scheduled[Promises.NumberOf(arrival)], arrival.Ticks)
                        )
                        .Order(),
                ];
                return arrivals.Count == expected;
            },
            "every healthy callback arrives"
        );
        return arrivals;

        bool IsHealthy(string url) =>
            receiver.Addresses.Any(address => url.StartsWith(address, StringComparison.Ordinal));

        // Others may be refused once they hold their share.
        async Task SubmitAsync(string url, string path)
        {
            if (IsHealthy(url))
                await service.AcceptAsync(url + path, ScenarioFolder.AllowedToken);
            else
                (await service.SubmitAsync(url + path, ScenarioFolder.AllowedToken)).Dispose();
        }
    }

    private void AssertUnharmed(
        List<TimeSpan> without,
        List<TimeSpan> with,
        string name,
        ServiceProcess service,
        ReceiverProcess healthy
    )
    {
        output.WriteLine(
            $"{name}: healthy callbacks p50 {Millis(without, 50)} ms without, {Millis(with, 50)} ms with; p99 "
                + $"{Millis(without, 99)} ms without, {Millis(with, 99)} ms with"
        );
        foreach (
            var line in service.Process.Output.Where(line =>
                healthy.Addresses.Any(address => line.Contains(address, StringComparison.Ordinal))
            )
        )
            output.WriteLine(line); // a healthy attempt that failed nevertheless, because of the machine or of a defect
        Assert.InRange(Percentile(with, 50), TimeSpan.Zero, (Percentile(without, 50) * Factor) + Noise);
        Assert.InRange(Percentile(with, 99), TimeSpan.Zero, HangingAttempt);
    }

    private static TimeSpan Percentile(List<TimeSpan> sorted, int percent) => sorted[sorted.Count * percent / 100];

    private static string Millis(List<TimeSpan> sorted, int percent) =>
        Percentile(sorted, percent).TotalMilliseconds.ToString("F1", CultureInfo.InvariantCulture);
}
