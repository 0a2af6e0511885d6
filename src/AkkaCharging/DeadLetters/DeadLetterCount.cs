namespace AkkaCharging.DeadLetters;

/// <summary>Caches the number of dead letters, so that frequent reads cause few counts.</summary>
/// <param name="count">Counts the dead letters in the journal.</param>
internal sealed class DeadLetterCount(Func<ValueTask<long>> count, TimeProvider time)
{
    /// <summary>Minimum time between two counts.</summary>
    public static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    /// <summary>How long to wait for the first count; later counts are not awaited.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    // A long count is followed by a rest of 19 times its duration, so that counting takes at most 5 % of the time.
    private const int RestPerDuration = 19;

    private readonly Lock _gate = new();
    private long? _latest;
    private long _dueAt = time.GetTimestamp();
    private Task _counting = Task.CompletedTask;

    /// <summary>The current or latest count, for tests to await.</summary>
    internal Task Counting => _counting;

    /// <summary>
    /// Returns the latest count, which is kept while the journal is unavailable; null before the first one. Starts
    /// another count when one is due.
    /// </summary>
    public async ValueTask<long?> LatestAsync()
    {
        Task counting;
        lock (_gate)
        {
            if (_counting.IsCompleted && time.GetTimestamp() >= _dueAt)
                _counting = CountAsync();
            if (_latest is not null)
                return _latest;
            counting = _counting;
        }

        // A failed count must not fail its caller, who shows other figures too.
        await counting.WaitAsync(Patience, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_gate)
            return _latest;
    }

    private async Task CountAsync()
    {
        var startedAt = time.GetTimestamp();
        try
        {
            var counted = await count();
            lock (_gate)
                _latest = counted;
        }
        finally
        {
            var now = time.GetTimestamp();
            lock (_gate)
                _dueAt =
                    now
                    + (long)Math.Max(Rest.TotalSeconds * time.TimestampFrequency, RestPerDuration * (now - startedAt));
        }
    }
}
