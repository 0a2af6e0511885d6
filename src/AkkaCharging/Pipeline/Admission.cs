namespace AkkaCharging.Pipeline;

/// <summary>Counts pending requests, so that a full service says so at once and nothing is dropped after it was accepted.</summary>
internal sealed class Admission(int maxSize, TimeProvider time)
{
    // Retry-After says when half of the queue should have drained, from the rate of the last few seconds: sooner would only be refused again.
    private static readonly TimeSpan RateWindow = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ShortestWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(60);

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _recoveredPlaces = new(maxSize, maxSize);
    private int _pending;
    private long _left;
    private (long At, long Left) _mark = (time.GetTimestamp(), 0);
    private double _leavingPerSecond;

    /// <summary>Requests in the lanes: admitted or recovered, and not settled.</summary>
    public int Pending => Volatile.Read(ref _pending) + maxSize - _recoveredPlaces.CurrentCount;

    /// <summary>Takes one place.</summary>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _pending) <= maxSize)
            return true;
        Interlocked.Decrement(ref _pending);
        return false;
    }

    /// <summary>Gives a place back.</summary>
    public void Leave()
    {
        Interlocked.Decrement(ref _pending);
        Interlocked.Increment(ref _left);
    }

    /// <summary>Takes one of as many places again, for requests from the journal: they do not count against new ones.</summary>
    public Task EnterRecoveredAsync(CancellationToken cancellationToken) => _recoveredPlaces.WaitAsync(cancellationToken);

    /// <summary>Gives a recovered request's place back.</summary>
    public void LeaveRecovered() => _recoveredPlaces.Release();

    /// <summary>When a caller that was refused should come back: 1 to 60 s.</summary>
    public TimeSpan RetryAfter()
    {
        lock (_gate)
        {
            var (now, left) = (time.GetTimestamp(), Volatile.Read(ref _left));
            var elapsed = time.GetElapsedTime(_mark.At, now);
            if (elapsed >= RateWindow || _leavingPerSecond == 0)
                _leavingPerSecond = (left - _mark.Left) / Math.Max(elapsed.TotalSeconds, 0.001);
            if (elapsed >= RateWindow)
                _mark = (now, left);
            var wait = _leavingPerSecond > 0 ? TimeSpan.FromSeconds(Math.Min(Volatile.Read(ref _pending) / 2.0 / _leavingPerSecond, LongestWait.TotalSeconds)) : LongestWait;
            return wait > ShortestWait ? wait : ShortestWait;
        }
    }
}
