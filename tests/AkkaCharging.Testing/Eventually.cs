using System.Diagnostics;

namespace AkkaCharging.Testing;

/// <summary>Waits for conditions that other threads bring about.</summary>
internal static class Eventually
{
    /// <summary>
    /// How long a test waits for an expected event: longer than a busy machine needs, so that only a failing test waits
    /// this long.
    /// </summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <summary>Polls <paramref name="condition"/> until it holds.</summary>
    /// <exception cref="TimeoutException">It did not within <see cref="Patience"/>.</exception>
    public static Task HoldsAsync(Func<bool> condition, string what) =>
        HoldsAsync(() => Task.FromResult(condition()), what, Patience, interval: 2);

    /// <summary>Polls another process until <paramref name="condition"/> holds.</summary>
    /// <param name="deadline">Null for <see cref="Patience"/>.</param>
    /// <exception cref="TimeoutException">It did not within the deadline.</exception>
    public static Task HoldsAsync(Func<Task<bool>> condition, string what, TimeSpan? deadline = null) =>
        HoldsAsync(condition, what, deadline ?? Patience, interval: 20);

    private static async Task HoldsAsync(Func<Task<bool>> condition, string what, TimeSpan deadline, int interval)
    {
        var started = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(started) > deadline)
                throw new TimeoutException($"not within {deadline.TotalSeconds} s: {what}");
            await Task.Delay(interval);
        }
    }
}
