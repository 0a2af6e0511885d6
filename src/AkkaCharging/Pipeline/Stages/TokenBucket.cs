namespace AkkaCharging.Pipeline.Stages;

/// <summary>
/// Hands out start times, so that no more than rate × time + burst ever start. Safe to share between threads.
/// </summary>
/// <remarks>
/// Units: ticks of <see cref="TimeProvider.GetTimestamp"/> since the bucket was made, a monotonic clock that no clock
/// step moves (Akka's own Throttle follows the local wall clock and stops for an hour when that steps back by one).
/// Source: the virtual scheduling form of the generic cell rate algorithm, ITU-T I.371.
/// </remarks>
internal sealed class TokenBucket
{
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly long _origin;
    private readonly double _perSecond;
    private readonly double _burst;
    private double _interval;
    private double _tolerance;
    private double _nextIdeal = double.NegativeInfinity;

    /// <param name="perSecond">Tokens a second, above zero.</param>
    /// <param name="burst">Tokens that may be taken at once after a quiet spell, from 1.</param>
    public TokenBucket(double perSecond, double burst, TimeProvider time)
    {
        (_time, _origin, _perSecond, _burst) = (time, time.GetTimestamp(), perSecond, burst);
        Divide(1);
    }

    /// <summary>From here on this is one of so many buckets that share the rate and the burst.</summary>
    public void Divide(int buckets)
    {
        lock (_gate)
        {
            _interval = _time.TimestampFrequency * buckets / _perSecond;
            _tolerance = _interval * (Math.Max(1, _burst / buckets) - 1);
        }
    }

    /// <summary>
    /// The present. From an origin of its own, because a long uptime in a double would round away what parts one start
    /// from the next.
    /// </summary>
    public long Now => _time.GetTimestamp() - _origin;

    /// <summary>A timestamp of the clock on the scale of <see cref="Now"/>.</summary>
    public double At(long timestamp) => (double)timestamp - _origin;

    /// <summary>Tokens that can be taken at once, and the ticks until that is the whole burst again.</summary>
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

    /// <summary>Takes a token if there is one.</summary>
    /// <returns>Zero when it was taken, else the ticks until there is one, from 1.</returns>
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
    /// <returns>When it may start; not before <paramref name="readyAt"/>.</returns>
    public double Reserve(double readyAt)
    {
        lock (_gate)
        {
            var startAt = Math.Max(readyAt, _nextIdeal - _tolerance);
            _nextIdeal = Math.Max(_nextIdeal, startAt) + _interval;
            return startAt;
        }
    }
}
