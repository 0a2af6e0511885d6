using System.Collections.Concurrent;

namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>What a seed repeats.</summary>
[Trait("Category", "Unit")]
public sealed class FaultScheduleTests
{
    [Fact]
    public async Task SameSeed_RepeatsTheFaultsOfEachPart_WithTheirParameters()
    {
        var first = await StrikeAsync(seed: 7);
        var again = await StrikeAsync(seed: 7);
        var other = await StrikeAsync(seed: 8);

        foreach (var part in (string[])["disk", "clock"])
        {
            var count = Math.Min(first[part].Count, again[part].Count);
            Assert.InRange(count, 10, int.MaxValue);
            Assert.Equal(first[part].Take(count), again[part].Take(count));
            Assert.NotEqual(first[part].Take(10), other[part].Take(10));
        }

        Assert.NotEqual(first["disk"].Take(10), first["clock"].Take(10));
    }

    /// <summary>The faults that struck each part, with a parameter that they drew.</summary>
    private static async Task<Dictionary<string, ConcurrentQueue<string>>> StrikeAsync(int seed)
    {
        var struck = new Dictionary<string, ConcurrentQueue<string>>(StringComparer.Ordinal)
        {
            ["disk"] = new(),
            ["clock"] = new(),
        };
        var schedule = new FaultSchedule(seed, _ => { });
        while (struck.Values.Any(faults => faults.Count < 10))
            schedule = await RunAsync(seed, struck);
        Assert.Equal(struck.Values.Sum(faults => faults.Count), schedule.Total);
        return struck;
    }

    private static async Task<FaultSchedule> RunAsync(int seed, Dictionary<string, ConcurrentQueue<string>> struck)
    {
        var schedule = new FaultSchedule(seed, _ => { });
        foreach (var faults in struck.Values)
            faults.Clear();
        await schedule.RunAsync(
            TimeSpan.FromMilliseconds(200),
            struck.Select(part => new FaultSource(
                part.Key,
                PauseMillisMax: 2,
                [
                    .. Enumerable
                        .Range(0, 3)
                        .Select(kind => new Fault(
                            $"fault {kind}",
                            random =>
                            {
                                part.Value.Enqueue($"fault {kind}, {random.Next(100)}");
                                return Task.CompletedTask;
                            }
                        )),
                ]
            ))
        );
        return schedule;
    }
}
