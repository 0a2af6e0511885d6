namespace AkkaCharging.Receivers;

/// <summary>
/// Measures how fast requests left during the last few seconds, to tell rejected callers when to retry.
/// </summary>
internal sealed class DrainRate(TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ShortestWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(60);

    private readonly Lock _gate = new();
    private long _left;

    // The rate is measured from the older mark to now, which covers one to two windows; older marks say nothing about
    // the last few seconds.
    private (long At, long Left) _older = (time.GetTimestamp(), 0);
    private long _markedAt = time.GetTimestamp();
    private long _markedLeft;

    /// <summary>Counts a request that left.</summary>
    public void CountOne()
    {
        if (time.GetElapsedTime(Volatile.Read(ref _markedAt)) >= Window)
        {
            lock (_gate)
                Mark();
        }

        Interlocked.Increment(ref _left);
    }

    /// <summary>
    /// Returns the time after which half of <paramref name="pending"/> should have left, 1 to 60 s: an earlier retry
    /// would only be rejected again.
    /// </summary>
    public TimeSpan RetryAfter(int pending)
    {
        lock (_gate)
        {
            Mark();
            var left = Volatile.Read(ref _left) - _older.Left;
            var seconds = Math.Max(time.GetElapsedTime(_older.At).TotalSeconds, 0.001);
            var wait =
                left > 0
                    ? TimeSpan.FromSeconds(Math.Min(pending / 2.0 / (left / seconds), LongestWait.TotalSeconds))
                    : LongestWait;
            return wait > ShortestWait ? wait : ShortestWait;
        }
    }

    private void Mark()
    {
        var now = time.GetTimestamp();
        var age = time.GetElapsedTime(_markedAt, now);
        if (age < Window)
            return;
        _older = age < Window * 2 ? (_markedAt, _markedLeft) : (now, Volatile.Read(ref _left));
        _markedLeft = Volatile.Read(ref _left);
        Volatile.Write(ref _markedAt, now);
    }
}
