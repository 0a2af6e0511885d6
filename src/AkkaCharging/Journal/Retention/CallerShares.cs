namespace AkkaCharging.Journal.Retention;

/// <summary>A group of settled requests of one caller, which leave the journal oldest first.</summary>
/// <param name="Caller">The name of the API key; empty for requests without one.</param>
/// <param name="AreDeadLetters">Whether these are the caller's dead letters or all its other settled requests.</param>
internal readonly record struct SettledGroup(string Caller, bool AreDeadLetters);

/// <summary>
/// Tracks the amount of settled requests of each caller, and selects which leave first when there are too many, so that
/// no caller's traffic displaces the records of another.
/// </summary>
/// <remarks>
/// The equal share of a caller is the limit divided by the number of callers that have settled requests. While the
/// limit is exceeded, the next request to leave is taken from the caller that holds the most, among those above their
/// equal share. Dead letters leave only when these callers hold nothing else. A caller at or below its equal share
/// loses nothing. The amounts are rows, or bytes where memory is bounded. Not safe to share between threads.
/// </remarks>
internal sealed class CallerShares
{
    private readonly Dictionary<string, Holding> _callers = new(StringComparer.Ordinal);

    /// <summary>The amount of all callers.</summary>
    public long Total { get; private set; }

    /// <summary>The groups with an amount above zero.</summary>
    public IEnumerable<SettledGroup> Groups =>
        _callers.Values.SelectMany(holding =>
            new[]
            {
                new SettledGroup(holding.Caller, AreDeadLetters: false),
                new(holding.Caller, AreDeadLetters: true),
            }.Where(group => holding[group.AreDeadLetters] > 0)
        );

    /// <summary>Adds to the amount of a group; a negative amount reduces it, to no less than zero.</summary>
    public void Add(SettledGroup group, long amount)
    {
        if (!_callers.TryGetValue(group.Caller, out var holding))
            _callers[group.Caller] = holding = new(group.Caller);
        amount = Math.Max(amount, -holding[group.AreDeadLetters]);
        holding[group.AreDeadLetters] += amount;
        Total += amount;
        if (holding.All == 0)
            _callers.Remove(group.Caller);
    }

    /// <summary>Resets all amounts.</summary>
    public void Clear()
    {
        _callers.Clear();
        Total = 0;
    }

    /// <summary>Finds the group whose oldest request leaves next.</summary>
    /// <returns>Null while the limit is not exceeded.</returns>
    public SettledGroup? Next(long limit)
    {
        if (Total <= limit)
            return null;
        var share = limit / _callers.Count;
        var (most, mostWithDeadLetters) = ((Holding?)null, (Holding?)null);
        foreach (var holding in _callers.Values)
        {
            if (holding.All <= share)
                continue;
            if (holding[false] > 0 && holding.All > (most?.All ?? 0))
                most = holding;
            if (holding[true] > 0 && holding.All > (mostWithDeadLetters?.All ?? 0))
                mostWithDeadLetters = holding;
        }

        return most is not null
            ? new(most.Caller, AreDeadLetters: false)
            : new SettledGroup(mostWithDeadLetters!.Caller, AreDeadLetters: true);
    }

    /// <summary>Selects the rows that leave next, and subtracts them.</summary>
    /// <param name="limit">Number of rows that may stay.</param>
    /// <param name="most">Maximum number of rows to select.</param>
    /// <returns>The number of the oldest rows that leave each group.</returns>
    public Dictionary<SettledGroup, int> Take(long limit, int most)
    {
        var taken = new Dictionary<SettledGroup, int>();
        for (var rows = 0; rows < most && Next(limit) is { } group; rows++)
        {
            Add(group, -1);
            taken[group] = taken.GetValueOrDefault(group) + 1;
        }

        return taken;
    }

    private sealed class Holding(string caller)
    {
        private long _deadLetters;
        private long _others;

        public string Caller => caller;

        public long All => _deadLetters + _others;

        public long this[bool areDeadLetters]
        {
            get => areDeadLetters ? _deadLetters : _others;
            set => _ = areDeadLetters ? _deadLetters = value : _others = value;
        }
    }
}
