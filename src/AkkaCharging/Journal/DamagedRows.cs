using System.Collections.Concurrent;
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
    private readonly ConcurrentDictionary<int, long> _counts = new();

    /// <summary>Number of damaged rows found by the latest reading of each lane so far.</summary>
    public long Count => _counts.Values.Sum();

    /// <summary>Resets the count of a lane before a new reading, and when it is no longer this process's.</summary>
    public void Clear(int lane) => _counts.TryRemove(lane, out _);

    /// <summary>Counts and reports a damaged row.</summary>
    public void Add(RequestId id, string damage, int lane)
    {
        _counts.AddOrUpdate(lane, 1, (_, count) => count + 1);
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
