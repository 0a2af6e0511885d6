namespace AkkaCharging.Pipeline.Stages;

/// <summary>Assigns start times, so that at most rate × time + burst elements start. Thread-safe.</summary>
/// <remarks>
/// Units: ticks of <see cref="TimeProvider.GetTimestamp"/> since the bucket was created, which setting the clock does
/// not affect (Akka's own Throttle follows the local wall clock and stops for an hour when that is set back by one).
/// Source: the virtual scheduling form of the generic cell rate algorithm, ITU-T I.371.
/// </remarks>
internal sealed class TokenBucket
{
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly long _origin;
    private readonly double _perSecond;
    private readonly double _burst;
    private readonly PriorityQueue<double, double> _returned = new();
    private double _interval;
    private double _tolerance;
    private double _nextIdeal = double.NegativeInfinity;

    /// <param name="perSecond">Tokens per second, above zero.</param>
    /// <param name="burst">Tokens that may be taken at once after a pause, at least 1.</param>
    public TokenBucket(double perSecond, double burst, TimeProvider time)
    {
        (_time, _origin, _perSecond, _burst) = (time, time.GetTimestamp(), perSecond, burst);
        Divide(1);
    }

    /// <summary>Sets the number of buckets that share the rate and the burst.</summary>
    public void Divide(int buckets)
    {
        lock (_gate)
        {
            _interval = _time.TimestampFrequency * buckets / _perSecond;
            _tolerance = _interval * (Math.Max(1, _burst / buckets) - 1);
        }
    }

    /// <summary>
    /// The current time, relative to the bucket's creation: as a double, a timestamp of a long uptime would lack the
    /// precision to separate two starts.
    /// </summary>
    public long Now => _time.GetTimestamp() - _origin;

    /// <summary>Converts a timestamp to the scale of <see cref="Now"/>.</summary>
    public double At(long timestamp) => (double)timestamp - _origin;

    /// <summary>The tokens available at once, and the ticks until the whole burst is available.</summary>
    public (int Tokens, double UntilFull) Level
    {
        get
        {
            lock (_gate)
            {
                var ahead = Math.Max(0, _nextIdeal - Now);
                return ((int)Math.Max(0, Math.Floor((_tolerance - ahead) / _interval) + 1), ahead);
            }
        }
    }

    /// <summary>Takes a token if one is available.</summary>
    /// <returns>Zero when a token was taken, otherwise the ticks until one is available, at least 1.</returns>
    public double TryTake()
    {
        lock (_gate)
        {
            var now = Now;
            var wait = _nextIdeal - _tolerance - now;
            if (wait >= 1)
                return wait;
            _nextIdeal = Math.Max(_nextIdeal, now) + _interval;
            return 0;
        }
    }

    /// <summary>Reserves the next start for a caller that is ready at <paramref name="readyAt"/>.</summary>
    /// <returns>When the caller may start; not before <paramref name="readyAt"/>.</returns>
    public double Reserve(double readyAt) => TryReserve(readyAt, double.PositiveInfinity)!.Value;

    /// <summary>Reserves the next start, if it is at <paramref name="latest"/> or before.</summary>
    /// <returns>When the caller may start; null when that would be too late, and nothing was reserved.</returns>
    public double? TryReserve(double readyAt, double latest)
    {
        lock (_gate)
        {
            while (_returned.TryPeek(out var passed, out _) && passed < readyAt)
                _returned.Dequeue();
            var isReturned = _returned.TryPeek(out var startAt, out _);
            if (!isReturned)
                startAt = Math.Max(readyAt, _nextIdeal - _tolerance);
            if (startAt > latest)
                return null;
            if (isReturned)
                _returned.Dequeue();
            else
                _nextIdeal = Math.Max(_nextIdeal, startAt) + _interval;
            return startAt;
        }
    }

    /// <summary>Gives back a reserved start that its caller does not use, for whoever reserves next.</summary>
    public void Return(double startAt)
    {
        lock (_gate)
            _returned.Enqueue(startAt, startAt);
    }
}
