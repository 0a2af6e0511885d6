using AkkaCharging.Requests;

namespace AkkaCharging.Journal.Retention;

/// <summary>
/// Counts the settled requests that leave the journal before <c>journal.retentionHours</c> have passed, because more
/// than <c>journal.maxSettledRows</c> were stored, and warns of them at most once a minute. Thread-safe.
/// </summary>
/// <param name="notice">Receives the warning.</param>
internal sealed class EarlyDeletions(TimeProvider time, JournalNotice? notice)
{
    private const int CallersNamed = 5;
    private static readonly TimeSpan Period = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly SortedSet<string> _callers = new(StringComparer.Ordinal);
    private EarlyCounts _counts;
    private EarlyCounts _reported;
    private long? _reportedAt;

    /// <summary>The counts since the start of the process.</summary>
    public EarlyCounts Counts
    {
        get
        {
            lock (_gate)
                return _counts;
        }
    }

    /// <summary>
    /// Counts deleted requests, and warns of those since the last warning unless that was less than a minute ago.
    /// </summary>
    public void Report(IReadOnlyCollection<(string Caller, RequestState State)> deleted)
    {
        string text;
        lock (_gate)
        {
            foreach (var (caller, state) in deleted)
            {
                _counts = _counts.Plus(state);
                _callers.Add(caller);
            }

            if (_counts == _reported || (_reportedAt is { } last && time.GetElapsedTime(last) < Period))
                return;
            var callers = _callers.Select(caller => caller.Length == 0 ? "(no key)" : caller).ToList();
            text =
                "The journal deleted settled requests before journal.retentionHours had passed, because there were "
                + $"more than journal.maxSettledRows: {_counts.Delivered - _reported.Delivered} delivered, "
                + $"{_counts.Expired - _reported.Expired} expired, {_counts.Failed - _reported.Failed} failed; "
                + "submitted with the API keys "
                + string.Join(", ", callers.Take(CallersNamed))
                + (callers.Count > CallersNamed ? $" and {callers.Count - CallersNamed} others." : ".");
            (_reported, _reportedAt) = (_counts, time.GetTimestamp());
            _callers.Clear();
        }

        notice?.Invoke(text, isLoss: false);
    }
}

/// <summary>How many settled requests left the journal before their retention, by state.</summary>
internal readonly record struct EarlyCounts(long Delivered, long Expired, long Failed)
{
    /// <summary>Returns these counts plus one request in <paramref name="state"/>.</summary>
    public EarlyCounts Plus(RequestState state) =>
        state switch
        {
            RequestState.Delivered => this with { Delivered = Delivered + 1 },
            RequestState.Expired => this with { Expired = Expired + 1 },
            _ => this with { Failed = Failed + 1 },
        };
}
