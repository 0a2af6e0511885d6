namespace AkkaCharging.Pipeline;

/// <summary>How long the oldest pending request has been pending.</summary>
/// <remarks>
/// Found by looking at all of them: an order that is kept up to date would cost every request, a look costs 30 ms of one core for a million of them. It is
/// good for a second, whoever asks how often.
/// </remarks>
internal sealed class OldestPending(IReadOnlyList<Lane> lanes, TimeProvider time)
{
    private static readonly TimeSpan GoodFor = TimeSpan.FromSeconds(1);
    private readonly Lock _gate = new();
    private long? _lookedAt;
    private TimeSpan _age;

    /// <summary>Zero without pending requests; up to a second old.</summary>
    public TimeSpan Age
    {
        get
        {
            lock (_gate)
            {
                if (_lookedAt is not { } lookedAt || time.GetElapsedTime(lookedAt) >= GoodFor)
                {
                    _age = lanes.Max(lane => lane.OldestAge(time));
                    _lookedAt = time.GetTimestamp();
                }

                return _age;
            }
        }
    }
}
