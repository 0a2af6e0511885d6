using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace AkkaCharging.Scenarios.HostileHour;

/// <summary>A disturbance.</summary>
/// <param name="StrikeAsync">Disturbs, and ends the disturbance; draws its parameters from the given source.</param>
/// <param name="Weight">How often it is chosen beside the others.</param>
internal sealed record Fault(string Name, Func<Random, Task> StrikeAsync, int Weight = 1)
{
    /// <summary>Disturbs for a random time, up to <paramref name="millisMax"/>.</summary>
    public static Fault Lasting(string name, int millisMax, Action<Random> begin, Action end, int weight = 1) =>
        new(
            name,
            async random =>
            {
                begin(random);
                try
                {
                    await random.WaitAsync(millisMax / 10, millisMax);
                }
                finally
                {
                    end();
                }
            },
            weight
        );
}

/// <summary>Waits for nothing but time: a fault strikes and ends whatever the service happens to do then.</summary>
internal static class RandomWaits
{
    public static Task WaitAsync(this Random random, int millisMin, int millisMax) =>
        Task.Delay(TimeSpan.FromMilliseconds(random.Next(millisMin, millisMax)), TimeProvider.System);
}

/// <summary>Faults of one part of the system, of which one at a time strikes.</summary>
/// <param name="PauseMillisMax">The longest time between two of them.</param>
internal sealed record FaultSource(string Part, int PauseMillisMax, IReadOnlyList<Fault> Faults);

/// <summary>
/// Has faults strike in an order that a seed decides: one after the other in each part of the system.
/// </summary>
/// <remarks>
/// The seed repeats which faults strike, with which parameters and pauses. What the service is doing at that moment is
/// up to the machine.
/// </remarks>
internal sealed class FaultSchedule(int seed, Action<string> log)
{
    private readonly ConcurrentDictionary<string, int> _counts = new(StringComparer.Ordinal);
    private readonly long _startedAt = Stopwatch.GetTimestamp();
    private int _sources;

    /// <summary>How often the fault of this name struck.</summary>
    public int CountOf(string fault) => _counts.GetValueOrDefault(fault);

    /// <summary>Number of all faults.</summary>
    public int Total => _counts.Values.Sum();

    /// <summary>Number of faults by name.</summary>
    public string Summary =>
        string.Join(
            ", ",
            _counts.OrderBy(count => count.Key, StringComparer.Ordinal).Select(one => $"{one.Key} {one.Value}")
        );

    /// <summary>
    /// Runs the sources side by side; ends when the last fault has ended after <paramref name="time"/>.
    /// </summary>
    public async Task RunAsync(TimeSpan time, params IEnumerable<FaultSource> sources)
    {
        var endsAt = Stopwatch.GetElapsedTime(_startedAt) + time;
        await Task.WhenAll(
            sources.Select(source => StrikeAsync(source, new Random(seed + _sources++), endsAt)).ToList()
        );
    }

    private async Task StrikeAsync(FaultSource source, Random random, TimeSpan endsAt)
    {
        Fault[] byWeight = [.. source.Faults.SelectMany(fault => Enumerable.Repeat(fault, fault.Weight))];
        while (byWeight.Length > 0)
        {
            await random.WaitAsync(0, source.PauseMillisMax);
            if (Stopwatch.GetElapsedTime(_startedAt) >= endsAt)
                return;
            var fault = byWeight[random.Next(byWeight.Length)];
            log(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Stopwatch.GetElapsedTime(_startedAt).TotalSeconds:N3} {source.Part}: {fault.Name}"
                )
            );
            _counts.AddOrUpdate(fault.Name, 1, (_, count) => count + 1);
            await fault.StrikeAsync(random);
        }
    }
}
