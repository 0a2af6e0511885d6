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

    // The rate is taken from the older mark to now, so over one to two windows; marks that are older still say nothing about the last few seconds.
    private (long At, long Left) _older = (time.GetTimestamp(), 0);
    private long _markedAt = time.GetTimestamp();
    private long _markedLeft;

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
        if (time.GetElapsedTime(Volatile.Read(ref _markedAt)) >= RateWindow)
        {
            lock (_gate)
                Mark();
        }

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
            Mark();
            var left = Volatile.Read(ref _left) - _older.Left;
            var seconds = Math.Max(time.GetElapsedTime(_older.At).TotalSeconds, 0.001);
            var wait = left > 0 ? TimeSpan.FromSeconds(Math.Min(Volatile.Read(ref _pending) / 2.0 / (left / seconds), LongestWait.TotalSeconds)) : LongestWait;
            return wait > ShortestWait ? wait : ShortestWait;
        }
    }

    private void Mark()
    {
        var now = time.GetTimestamp();
        var age = time.GetElapsedTime(_markedAt, now);
        if (age < RateWindow)
            return;
        _older = age < RateWindow * 2 ? (_markedAt, _markedLeft) : (now, Volatile.Read(ref _left));
        _markedLeft = Volatile.Read(ref _left);
        Volatile.Write(ref _markedAt, now);
    }
}
