using System.Collections.Immutable;
using AkkaCharging.Requests;

namespace AkkaCharging.Pipeline.Lanes;

/// <summary>
/// The lanes that this process holds: a configured number in a standalone process, or those that the cluster assigns to
/// this node.
/// </summary>
internal sealed class LaneSet
{
    private readonly bool _isAlone;
    private readonly Lock _removing = new();
    private ImmutableArray<Lane> _all;
    private int _restartsOfRemoved;

    private LaneSet(bool isAlone, IEnumerable<Lane> all) => (_isAlone, _all) = (isAlone, [.. all]);

    public ImmutableArray<Lane> All => _all;

    /// <summary>Number of times that a graph failed, also of the lanes that were removed.</summary>
    public int Restarts
    {
        get
        {
            lock (_removing)
                return _restartsOfRemoved + _all.Sum(lane => lane.Restarts);
        }
    }

    /// <summary>Creates the lanes of a standalone process.</summary>
    public static LaneSet Alone(int count, Admission admission, DateTimeOffset openedAt) =>
        new(
            isAlone: true,
            Enumerable.Range(0, count).Select(number => new Lane(number, admission) { OpenedAt = openedAt })
        );

    /// <summary>Creates the empty set of a cluster node.</summary>
    public static LaneSet OfNode() => new(isAlone: false, []);

    /// <summary>
    /// Returns the lane of a request, which is always the same, so that a request that is read twice is detected.
    /// </summary>
    /// <param name="number">Lane assigned by the journal. Ignored when running alone: the request id selects the
    /// lane.</param>
    /// <returns>
    /// Null when this process no longer holds the lane; its holder resumes the request from the journal.
    /// </returns>
    public Lane? Of(RequestId id, int number)
    {
        var all = _all;
        if (_isAlone)
            return all[(int)((uint)id.GetHashCode() % (uint)all.Length)];
        foreach (var lane in all)
        {
            if (lane.Number == number)
                return lane;
        }

        return null;
    }

    /// <summary>Adds a lane.</summary>
    public void Add(Lane lane) => ImmutableInterlocked.Update(ref _all, all => all.Add(lane));

    /// <summary>Removes a lane.</summary>
    public void Remove(Lane lane)
    {
        lock (_removing)
        {
            if (ImmutableInterlocked.Update(ref _all, all => all.Remove(lane)))
                _restartsOfRemoved += lane.Restarts;
        }
    }
}
