namespace AkkaCharging.Pipeline.Lanes;

/// <summary>Knows how long the oldest of many requests has been pending, to the second.</summary>
/// <remarks>
/// Counts them by the second since which they are pending, so that a million of them share some hundred counts. To look
/// at each of a million instead takes 0.2 s of one core (measured), and an order of all of them costs each request more
/// than its place in a count. Safe to share between threads.
/// </remarks>
internal sealed class PendingAges
{
    private readonly Lock _gate = new();
    private readonly Dictionary<long, int> _bySecond = [];

    /// <param name="since">Seconds of a clock that nobody sets.</param>
    public void Add(long since)
    {
        lock (_gate)
            _bySecond[since] = _bySecond.GetValueOrDefault(since) + 1;
    }

    /// <param name="since">Of one that was added.</param>
    public void Remove(long since)
    {
        lock (_gate)
        {
            if (--_bySecond[since] == 0)
                _bySecond.Remove(since);
        }
    }

    /// <summary>Age of the oldest; zero without any.</summary>
    /// <param name="now">In seconds of the same clock.</param>
    public TimeSpan Oldest(long now)
    {
        lock (_gate)
            return TimeSpan.FromSeconds(_bySecond.Count == 0 ? 0 : Math.Max(0, now - _bySecond.Keys.Min()));
    }
}
