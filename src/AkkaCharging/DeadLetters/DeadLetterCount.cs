namespace AkkaCharging.DeadLetters;

/// <summary>
/// How many dead letters there are, as counted a little while ago: however often it is asked for, they are counted
/// seldom.
/// </summary>
/// <param name="count">Asks the journal.</param>
internal sealed class DeadLetterCount(Func<ValueTask<long>> count, TimeProvider time)
{
    /// <summary>The least time between two counts.</summary>
    public static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    /// <summary>How long the first count is waited for; later ones never are.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    // Counting takes long where there are many: whatever that is, it is 5 % of the time at the most.
    private const int RestPerDuration = 19;

    private readonly Lock _gate = new();
    private long? _latest;
    private long _dueAt = time.GetTimestamp();
    private Task _counting = Task.CompletedTask;

    /// <summary>The count that is under way, or the one before: what a test waits for.</summary>
    internal Task Counting => _counting;

    /// <summary>
    /// The latest count, which stands while the journal is away; null while none was made yet. Begins another one when
    /// it is time for it.
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

        // What keeps it from being counted is no trouble of who asks: the other figures are there.
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
