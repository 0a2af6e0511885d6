namespace AkkaCharging.Host.Http;

/// <summary>Caches a response that is expensive to create, so that many requests for it cost as much as one.</summary>
/// <param name="making">Held by the request that creates the response, while others wait for it.</param>
/// <param name="lifetime">How long a response is cached; <see cref="Timeout.InfiniteTimeSpan"/> for no limit.</param>
internal sealed class Kept<T>(SemaphoreSlim making, TimeSpan lifetime, TimeProvider time)
    where T : class
{
    private volatile Response? _latest;

    /// <summary>The cached response; null when there is none or it is too old.</summary>
    public T? Current =>
        _latest is { } latest && (lifetime == Timeout.InfiniteTimeSpan || time.GetElapsedTime(latest.MadeAt) < lifetime)
            ? latest.Value
            : null;

    /// <summary>
    /// Returns the cached response, or creates one with <paramref name="makeAsync"/>. A failure is not cached: the next
    /// request tries again.
    /// </summary>
    public async ValueTask<T> GetAsync(Func<Task<T>> makeAsync, CancellationToken cancellationToken)
    {
        if (Current is { } current)
            return current;
        await making.WaitAsync(cancellationToken);
        try
        {
            if (Current is { } madeMeanwhile)
                return madeMeanwhile;
            var madeAt = time.GetTimestamp();
            var value = await makeAsync();
            _latest = new(value, madeAt);
            return value;
        }
        finally
        {
            making.Release();
        }
    }

    private sealed record Response(T Value, long MadeAt);
}
