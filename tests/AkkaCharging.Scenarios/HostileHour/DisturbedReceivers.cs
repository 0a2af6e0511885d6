using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using AkkaCharging.ReceiverProcesses;
using AkkaCharging.Requests;
using AkkaCharging.Testing;

namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>
/// Two receivers that fail by themselves in many ways, and the network before them, where they are cut off, stand
/// still, or have their place taken by <see cref="HostileReceivers"/>.
/// </summary>
internal sealed class DisturbedReceivers : IAsyncDisposable
{
    /// <summary>Those of which it is known what arrived, or which accept nothing.</summary>
    private static readonly (string Name, HostileReceiver Receiver)[] Hostile =
    [
        .. HostileReceivers
            .All.Where(known => known.Value.ReadsFirst || known.Value.Outcome != CallbackOutcome.Success)
            .Select(known => (known.Key, known.Value)),
    ];

    private readonly IReadOnlyList<(ReceiverProcess Process, TcpProxy Way)> _all;
    private readonly ConcurrentQueue<Arrival> _hostile = new();

    private DisturbedReceivers(IReadOnlyList<(ReceiverProcess, TcpProxy)> all) => _all = all;

    /// <summary>Where callbacks go, without the number that is appended.</summary>
    public string[] Urls =>
        [.. _all.SelectMany(one => (string[])[Url(one.Way, "ok"), Url(one.Way, "flaky"), Url(one.Way, "fail-twice")])];

    /// <summary>The ports of <see cref="Urls"/>.</summary>
    public IReadOnlyList<int> Ports => [.. _all.Select(one => one.Way.Port)];

    /// <summary>One source for each receiver.</summary>
    public IEnumerable<FaultSource> Sources => _all.Select(one => new FaultSource("receiver", 2_500, Faults(one)));

    public static async Task<DisturbedReceivers> StartAsync()
    {
        var all = new List<(ReceiverProcess, TcpProxy)>();
        for (var i = 0; i < 2; i++)
        {
            var process = await ReceiverProcess.StartAsync();
            all.Add((process, TcpProxy.To(new Uri(process.Url()).Port)));
        }

        return new(all);
    }

    /// <summary>What arrived at all of them.</summary>
    public async Task<IReadOnlyList<Arrival>> ReceivedAsync()
    {
        List<Arrival> arrivals = [.. _hostile];
        foreach (var (process, _) in _all)
            arrivals.AddRange(await process.ReceivedAsync());
        return arrivals;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (process, way) in _all)
        {
            await way.DisposeAsync();
            await process.DisposeAsync();
        }
    }

    private static string Url(TcpProxy way, string behaviour) => $"http://127.0.0.1:{way.Port}/{behaviour}";

    private IReadOnlyList<Fault> Faults((ReceiverProcess Process, TcpProxy Way) one)
    {
        var (process, way) = one;
        return
        [
            Fault.Lasting("receiver cut off", 2_000, _ => way.Cut(), way.Restore),
            Fault.Lasting("receiver unreachable", 3_000, _ => way.Freeze(), way.Restore),
            Fault.Lasting("receiver stands still", 3_000, _ => process.Suspend(), process.Resume),
            Fault.Lasting(
                "receiver slow",
                3_000,
                random => way.Delay(TimeSpan.FromMilliseconds(random.Next(10, 300))),
                () => way.Delay(TimeSpan.Zero)
            ),
            new("receiver hostile", random => ReplaceAsync(one, random), Weight: 4),
        ];
    }

    private async Task ReplaceAsync((ReceiverProcess Process, TcpProxy Way) one, Random random)
    {
        var (_, hostile) = Hostile[random.Next(Hostile.Length)];
        await using var receiver = hostile.Start();
        Lead(one.Way, receiver.Port);
        await random.WaitAsync(100, 1_000);
        Lead(one.Way, new Uri(one.Process.Url()).Port);
        foreach (var request in receiver.Requests)
            _hostile.Enqueue(Read(request, hostile.Outcome == CallbackOutcome.Success ? 200 : null));
    }

    /// <summary>Leads new connections to a port, and closes those that lead elsewhere.</summary>
    private static void Lead(TcpProxy way, int port)
    {
        way.Redirect(port);
        way.Cut();
        way.Restore();
    }

    private static Arrival Read(byte[] request, int? answered)
    {
        var parts = Encoding.UTF8.GetString(request).Split("\r\n\r\n", 2);
        var lines = parts[0].Split("\r\n");
        const string Id = "webhook-id: ";
        var decision = JsonSerializer.Deserialize<JsonElement>(parts[1]);
        return new(
            lines.First(line => line.StartsWith(Id, StringComparison.OrdinalIgnoreCase))[Id.Length..],
            lines[0].Split(' ')[1],
            decision.GetProperty("status").GetString()!,
            decision.GetProperty("timestamp").GetInt64(),
            Stopwatch.GetTimestamp(),
            answered
        );
    }
}
