using System.Collections.Immutable;
using AkkaCharging.Requests;

namespace AkkaCharging.Pipeline.Lanes;

/// <summary>
/// The lanes of this process: as many as it was configured with when it runs alone; those that the cluster gave it when
/// it is a node.
/// </summary>
internal sealed class LaneSet
{
    private readonly bool _isAlone;
    private ImmutableArray<Lane> _all;

    private LaneSet(bool isAlone, IEnumerable<Lane> all) => (_isAlone, _all) = (isAlone, [.. all]);

    public ImmutableArray<Lane> All => _all;

    /// <summary>Of a process that runs alone.</summary>
    public static LaneSet Alone(int count, Admission admission) =>
        new(isAlone: true, Enumerable.Range(0, count).Select(number => new Lane(number, admission)));

    /// <summary>Of a node, which has none yet.</summary>
    public static LaneSet OfNode() => new(isAlone: false, []);

    /// <summary>
    /// The lane of a request: always the same one, so that a request that is read twice meets itself.
    /// </summary>
    /// <param name="number">As the journal says; without a cluster it says nothing, and the id decides.</param>
    /// <returns>Null when it is not here any more: it takes all that the journal has of it to where it is
    /// now.</returns>
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

    /// <summary>A lane came.</summary>
    public void Add(Lane lane) => ImmutableInterlocked.Update(ref _all, all => all.Add(lane));

    /// <summary>A lane goes.</summary>
    public void Remove(Lane lane) => ImmutableInterlocked.Update(ref _all, all => all.Remove(lane));
}
