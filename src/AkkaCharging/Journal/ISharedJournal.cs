namespace AkkaCharging.Journal;

/// <summary>
/// A journal that the nodes of a cluster share: each request belongs to a lane, and each lane to one node at a time.
/// </summary>
/// <remarks>
/// The journal decides to which lane of this node a request that it accepts or redrives belongs. A node that lost a
/// lane can no longer write to it: such writes fail with <see cref="RequestMovedException"/>.
/// </remarks>
internal interface ISharedJournal : IJournal
{
    /// <summary>
    /// Raised for each lane that another node took from this one, on any thread; handlers must not block.
    /// </summary>
    event EventHandler<LaneEventArgs>? LaneLost;

    /// <summary>
    /// Raised for a held lane whose journal has requests that the lane does not have, on any thread; handlers must not
    /// block. <see cref="ReadUnsettledAsync"/> returns them, besides others that the lane has.
    /// </summary>
    event EventHandler<LaneEventArgs>? LaneBehind;

    /// <summary>
    /// Takes a lane from its current holder: from now on only this node can write to it. The lane does not accept new
    /// requests yet.
    /// </summary>
    Task TakeLaneAsync(int lane, CancellationToken cancellationToken);

    /// <summary>Reads the requests that earlier holders of a lane left unsettled, oldest first, page by page.</summary>
    IAsyncEnumerable<UnsettledRequest> ReadUnsettledAsync(int lane, CancellationToken cancellationToken);

    /// <summary>Opens a held lane to new requests, or closes it; requests already in the lane continue.</summary>
    void SetOpen(int lane, bool isOpen);

    /// <summary>Releases a lane after all pending writes to it.</summary>
    Task ReleaseLaneAsync(int lane, CancellationToken cancellationToken);

    /// <summary>
    /// Checks whether another node holds lanes and is connected to this journal, and so a cluster is running.
    /// </summary>
    Task<bool> AreLanesHeldElsewhereAsync(CancellationToken cancellationToken);

    /// <summary>Lists all lanes of the cluster and their holders.</summary>
    Task<IReadOnlyList<LaneHolder>> ListLanesAsync(CancellationToken cancellationToken);
}

/// <summary>Names a lane of this node.</summary>
/// <param name="lane">The number of the lane.</param>
internal sealed class LaneEventArgs(int lane) : EventArgs
{
    /// <summary>The number of the lane.</summary>
    public int Lane => lane;
}

/// <summary>The holder of a lane.</summary>
/// <param name="Holder">Process and machine of the holder; null when there is none.</param>
/// <param name="IsOurs">Whether this node is the holder.</param>
/// <param name="TakenAt">When the lane was last taken; null when it never was.</param>
internal sealed record LaneHolder(int Lane, string? Holder, bool IsOurs, DateTimeOffset? TakenAt);
