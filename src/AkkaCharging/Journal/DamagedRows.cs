using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>Notified of a row of the journal that cannot be read; gets no secrets.</summary>
internal delegate void DamagedRowReport(RequestId id, string damage);

/// <summary>
/// Counts and reports unsettled requests that cannot be read. Each is left in place, and the requests behind it are
/// still resumed. Reports settled ones that lists and look-ups come across, up to 1,000.
/// </summary>
/// <remarks>A wrong key is not a damaged row: it prevents the start.</remarks>
internal sealed class DamagedRows(DamagedRowReport? report)
{
    private const int RememberedMax = 1_000;

    private readonly HashSet<RequestId> _seen = [];
    private long _count;

    /// <summary>Number of damaged rows found by the latest reading so far.</summary>
    public long Count => Interlocked.Read(ref _count);

    /// <summary>Resets the count before a new reading.</summary>
    public void Clear() => Interlocked.Exchange(ref _count, 0);

    /// <summary>Counts and reports a damaged row.</summary>
    public void Add(RequestId id, string damage)
    {
        Interlocked.Increment(ref _count);
        report?.Invoke(id, damage);
    }

    /// <summary>
    /// Reports requests that a list leaves out or a look-up finds, each once: the console lists every few seconds.
    /// </summary>
    public void Saw(IReadOnlyList<DamagedRow> rows)
    {
        foreach (var row in rows)
        {
            lock (_seen)
            {
                if (_seen.Count == RememberedMax || !_seen.Add(row.Id))
                    continue;
            }

            report?.Invoke(row.Id, row.Damage);
        }
    }
}
