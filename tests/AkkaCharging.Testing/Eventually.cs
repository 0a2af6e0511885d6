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
        HoldsAsync(() => Task.FromResult(condition()), what, Patience, first: 2, last: 25);

    /// <summary>Polls another process until <paramref name="condition"/> holds.</summary>
    /// <param name="deadline">Null for <see cref="Patience"/>.</param>
    /// <exception cref="TimeoutException">It did not within the deadline.</exception>
    public static Task HoldsAsync(Func<Task<bool>> condition, string what, TimeSpan? deadline = null) =>
        HoldsAsync(condition, what, deadline ?? Patience, first: 20, last: 100);

    /// <summary>
    /// The longer it took already, the less often it asks: what is asked for takes processor time, too.
    /// </summary>
    /// <param name="first">Milliseconds between the first polls.</param>
    /// <param name="last">Milliseconds between polls, at most.</param>
    private static async Task HoldsAsync(
        Func<Task<bool>> condition,
        string what,
        TimeSpan deadline,
        int first,
        int last
    )
    {
        var started = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            var took = Stopwatch.GetElapsedTime(started);
            if (took > deadline)
                throw new TimeoutException($"not within {deadline.TotalSeconds} s: {what}");
            await Task.Delay((int)Math.Clamp(took.TotalMilliseconds / 20, first, last));
        }
    }
}
