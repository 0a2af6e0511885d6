using AkkaCharging.Requests;

namespace AkkaCharging.Journal;

/// <summary>Told about a row of the journal that cannot be read. It says nothing that is secret.</summary>
internal delegate void DamagedRowReport(RequestId id, string damage);

/// <summary>
/// Unsettled requests that cannot be read: each is reported, left in place, and does not keep those behind it from
/// being taken up.
/// </summary>
/// <remarks>A wrong key is another matter: it refuses the start.</remarks>
internal sealed class DamagedRows(DamagedRowReport? report)
{
    private long _count;

    /// <summary>How many the last reading found so far.</summary>
    public long Count => Interlocked.Read(ref _count);

    /// <summary>A reading begins anew.</summary>
    public void Clear() => Interlocked.Exchange(ref _count, 0);

    /// <summary>Another one.</summary>
    public void Add(RequestId id, string damage)
    {
        Interlocked.Increment(ref _count);
        report?.Invoke(id, damage);
    }
}
