namespace AkkaCharging.Pipeline.Lanes;

/// <summary>Tracks the age of the oldest pending request, to the second.</summary>
/// <remarks>
/// Requests are counted by the second in which they began to wait, so that a million of them need a few hundred
/// counters. Examining each of a million takes 0.2 s of one core (measured), and sorting them costs each request more
/// than a counter. Thread-safe.
/// </remarks>
internal sealed class PendingAges
{
    private readonly Lock _gate = new();
    private readonly Dictionary<long, int> _bySecond = [];

    /// <param name="since">When the request began to wait, in seconds of a monotonic clock.</param>
    public void Add(long since)
    {
        lock (_gate)
            _bySecond[since] = _bySecond.GetValueOrDefault(since) + 1;
    }

    /// <param name="since">The value with which the request was added.</param>
    public void Remove(long since)
    {
        lock (_gate)
        {
            if (--_bySecond[since] == 0)
                _bySecond.Remove(since);
        }
    }

    /// <summary>Returns the age of the oldest request; zero if there is none.</summary>
    /// <param name="now">The current time in seconds of the same clock.</param>
    public TimeSpan Oldest(long now)
    {
        lock (_gate)
            return TimeSpan.FromSeconds(_bySecond.Count == 0 ? 0 : Math.Max(0, now - _bySecond.Keys.Min()));
    }
}
