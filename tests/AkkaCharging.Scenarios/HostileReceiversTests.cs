using System.Net.Sockets;
using AkkaCharging.AddressPolicy;
using AkkaCharging.Settings;
using AkkaCharging.Testing;
using Microsoft.Extensions.DependencyInjection;
using Xunit.Abstractions;

namespace AkkaCharging.Scenarios;

/// <summary>
/// All hostile receivers at once, repeatedly, and 10,000 names that do not resolve: afterwards the service is in the
/// same state as before.
/// </summary>
[Trait("Category", "Scenario")]
[Trait("QuietGroup", "2")]
[Collection(nameof(RunsAlone))]
public sealed class HostileReceiversTests(ITestOutputHelper output)
{
    private const int Rounds = 5;
    private const int UnknownNames = 10_000;
    private const int WarmUpNames = 2_000;
    private const int MemoryGrowthMax = 8_000_000;

    // Sockets of the test's own client and of a library's pool may come and go.
    private const int HandleGrowthMax = 10;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task MemoryAndHandles_AreBackAtTheLevelBefore()
    {
        await using var service = await RunningService.StartAsync(
            settings =>
                settings with
                {
                    Logging = settings.Logging with { Level = LogThreshold.Error },
                    Callback = settings.Callback with
                    {
                        MaxRetries = 1,
                        RetryDelay = TimeSpan.FromMilliseconds(50),
                        Timeout = TimeSpan.FromSeconds(2),
                    },
                    Journal = settings.Journal with { MaxSettledRows = 0 },
                },
            services =>
                services.AddSingleton<IHostResolver>(
                    new SystemHostResolver(
                        TimeProvider.System,
                        new() { Lookup = _ => throw new SocketException((int)SocketError.HostNotFound) }
                    )
                )
        );
        // what is built once, and what is remembered about names, is there from now on
        await UnleashAsync(service, names: WarmUpNames, first: 0);
        var before = await LevelAsync();

        for (var round = 1; round <= Rounds; round++)
            await UnleashAsync(service, names: UnknownNames / Rounds, first: UnknownNames * round);

        var growth = (Memory: 0L, Handles: 0);
        try
        {
            await Eventually.HoldsAsync(
                async () =>
                {
                    var now = await LevelAsync();
                    growth = (now.Memory - before.Memory, now.Handles - before.Handles);
                    return growth.Memory < MemoryGrowthMax && growth.Handles <= HandleGrowthMax;
                },
                "memory and handles are back",
                Patience
            );
        }
        finally
        {
            output.WriteLine(
                $"{Rounds} rounds of {HostileReceivers.All.Count} receivers and {UnknownNames} names: "
                    + $"{growth.Memory} bytes and {growth.Handles} handles more than {before}"
            );
        }
    }

    private static async Task UnleashAsync(RunningService service, int names, int first)
    {
        var settled = await SettledAsync(service);
        var receivers = HostileReceivers.All.Values.Select(hostile => hostile.Start()).ToList();
        try
        {
            foreach (var receiver in receivers)
                await service.AcceptAsync(receiver.Url);
            await Parallel.ForAsync(
                first,
                first + names,
                new ParallelOptions { MaxDegreeOfParallelism = 16 },
                async (number, _) =>
                {
                    // Names are submitted as fast as they are accepted.
                    await Eventually.HoldsAsync(
                        async () =>
                        {
                            using var answer = await service.SubmitAsync(
                                $"http://h{number}.unknown-{number % 100}.net/hook"
                            );
                            return answer.IsSuccessStatusCode;
                        },
                        "the request is taken",
                        Patience
                    );
                }
            );
            await Eventually.HoldsAsync(
                async () => await SettledAsync(service) == settled + receivers.Count + names,
                "all are settled",
                Patience
            );
        }
        finally
        {
            foreach (var receiver in receivers)
                await receiver.DisposeAsync();
        }
    }

    private static async Task<long> SettledAsync(RunningService service) =>
        (await service.GetAsync("/metrics"))
            .GetProperty("deliveries_total")
            .EnumerateObject()
            .Sum(count => count.Value.GetInt64());

    private static async Task<(long Memory, int Handles)> LevelAsync()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Yield();
        }

        return (GC.GetTotalMemory(forceFullCollection: true), Directory.GetFileSystemEntries("/proc/self/fd").Length);
    }
}
