namespace AkkaCharging.Host.Http;

/// <summary>Keeps a response that is expensive to make, so that many requests for it cost as much as one.</summary>
/// <param name="making">Entered by the request that makes the response; the others wait for it.</param>
/// <param name="lifetime">How long a response is kept; <see cref="Timeout.InfiniteTimeSpan"/> for ever.</param>
internal sealed class Kept<T>(SemaphoreSlim making, TimeSpan lifetime, TimeProvider time)
    where T : class
{
    private volatile Response? _latest;

    /// <summary>The response if it has been made and is not too old, else null.</summary>
    public T? Current =>
        _latest is { } latest && (lifetime == Timeout.InfiniteTimeSpan || time.GetElapsedTime(latest.MadeAt) < lifetime)
            ? latest.Value
            : null;

    /// <summary>
    /// The current response, or a new one by <paramref name="makeAsync"/>. A failure is not kept: the next request
    /// tries again.
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
